"""Python called from C called from Python: key functions, map, comprehensions, properties, metaclasses."""
import asyncio
import functools

import truth


class Meta(type):
    def __call__(cls, *args):
        return super().__call__(*args)


class Item(metaclass=Meta):
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return [self.compare(n) for n in range(2)][0]

    def compare(self, _):
        return self.attribute

    @property
    def attribute(self):
        return Getter()

    def __format__(self, _):
        return sorted([Item(1), Item(2)])


class Getter:
    def __bool__(self):
        return dict(map(self.pair, [1]))

    def pair(self, _):
        return functools.reduce(lambda a, b: functools.partial(self, a)(b), [1, 2])

    def __call__(self, *_):
        return eval("(lambda: self.__missing__())()", {"self": self})

    def __missing__(self):
        exec("class Body:\n    truth.block()", {"truth": truth})


async def main():
    truth.mark("main")
    f"{Item(1):x}"


truth.state("main", "running")
truth.when(lambda: "main" in truth._marks)
truth.run(main)
