#include "see/compress/knowledge/knowledge_model-inl.hpp"
