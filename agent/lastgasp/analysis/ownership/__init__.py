"""From a file on the device to the package that it came in, by lists that build systems and package managers keep."""
