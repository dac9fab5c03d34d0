#include "see/compress/truncate-inl.hpp"
