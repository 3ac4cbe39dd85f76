"""Not a scene: the module that running_import imports, and that never finishes."""
import truth

truth.block()
