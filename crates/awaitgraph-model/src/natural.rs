//! The order in which people list names: `Task-9` before `Task-10`.

use std::cmp::Ordering;

/// Compares two names, runs of digits in them by their value.
///
/// Names of equal value but different spelling (`a1`, `a01`) are not equal: the
/// order is total.
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        let (digits_a, digits_b) = (leading_digits(left), leading_digits(right));
        if digits_a > 0 && digits_b > 0 {
            let (number_a, rest_a) = left.split_at(digits_a);
            let (number_b, rest_b) = right.split_at(digits_b);
            let by_value = by_value(number_a, number_b);
            if by_value.is_ne() {
                return by_value;
            }
            (left, right) = (rest_a, rest_b);
            continue;
        }
        match (left.split_first(), right.split_first()) {
            (Some((first_a, rest_a)), Some((first_b, rest_b))) => {
                if first_a != first_b {
                    return first_a.cmp(first_b);
                }
                (left, right) = (rest_a, rest_b);
            }
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
        }
    }
}

/// What tells most names apart, in a form that is quickly compared: where the
/// keys of two names differ, the names are in the same order. Of names with the
/// same key, [`natural_order`] says which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NaturalKey {
    /// The first bytes, up to the first digit, for which a `0` stands.
    prefix: [u8; 8],
    /// The value of the digits there, as far as it is told.
    number: u64,
}

impl NaturalKey {
    /// The key of a name.
    pub fn of(name: &str) -> Self {
        let mut prefix = [0; 8];
        let mut number = 0;
        let mut rest = name.as_bytes();
        for place in &mut prefix {
            let digits = leading_digits(rest);
            if digits > 0 {
                *place = b'0';
                number = rest.iter().take(digits).fold(0, |value: u64, digit| {
                    let digit = u64::from(digit - b'0');
                    value.saturating_mul(10).saturating_add(digit)
                });
                break;
            }
            let Some((&byte, behind)) = rest.split_first() else {
                break;
            };
            *place = byte;
            rest = behind;
        }
        Self { prefix, number }
    }
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Any number of digits: the longer one is larger, once leading zeros are gone.
fn by_value(a: &[u8], b: &[u8]) -> Ordering {
    let zeros = |digits: &[u8]| digits.iter().take_while(|&&digit| digit == b'0').count();
    let a = a.get(zeros(a)..).unwrap_or_default();
    let b = b.get(zeros(b)..).unwrap_or_default();
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_count() {
        let mut names = [
            "w-10", "w-9", "w", "Task-2", "Task-10", "w-009", "a1b2", "a1b10",
        ];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            [
                "Task-2", "Task-10", "a1b2", "a1b10", "w", "w-009", "w-9", "w-10"
            ]
        );
    }

    #[test]
    fn keys_never_contradict_the_order() {
        let parts = [
            "",
            "a",
            "ab",
            "Task-",
            "\0",
            "0",
            "9",
            "10",
            "007",
            "/",
            ":",
            "é",
            "-",
            "long-name-",
            "18446744073709551615",
            "18446744073709551616",
        ];
        let pairs = parts
            .iter()
            .flat_map(|a| parts.iter().map(move |b| [*a, *b]));
        let names: Vec<String> = (pairs.clone())
            .flat_map(|pair| parts.iter().map(move |part| pair.concat() + part))
            .collect();
        let mut told_apart = 0;
        for a in &names {
            for b in names.iter().step_by(7) {
                let by_key = NaturalKey::of(a).cmp(&NaturalKey::of(b));
                assert!(
                    by_key.is_eq() || by_key == natural_order(a, b),
                    "{a:?} {b:?}"
                );
                told_apart += usize::from(by_key.is_ne());
            }
        }
        assert!(told_apart > names.len() * names.len() / 7 / 2);
        assert!(NaturalKey::of("Task-9") < NaturalKey::of("Task-10"));
    }

    #[test]
    fn only_the_same_name_is_equal() {
        assert_eq!(natural_order("a01", "a1"), Ordering::Less);
        assert_eq!(natural_order("a1", "a1"), Ordering::Equal);
    }
}
