#include "see/compress/induced/induce_choose-inl.hpp"
