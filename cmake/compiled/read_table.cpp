#include "see/io/read_table-inl.hpp"
