#include "see/compress/trellis/fit_trellis-inl.hpp"
