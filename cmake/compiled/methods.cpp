#include "see/compress/methods-inl.hpp"
