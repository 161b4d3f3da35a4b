// What tests/CMakeLists.txt precompiles for the tests needs a source to belong to.
