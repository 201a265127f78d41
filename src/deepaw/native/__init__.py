"""The compiled part: a shared library that is built on installation where there is a C++ compiler."""
