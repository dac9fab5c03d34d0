#include "see/compress/trellis/fit_residual-inl.hpp"
