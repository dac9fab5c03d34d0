#include "see/compress/compress-inl.hpp"
