#include "see/model/embedding_rows.hpp"

namespace see::detail {

template class EmbeddingRows<float, Index>;
template class EmbeddingRows<float, int>;
template class EmbeddingRows<double, Index>;
template class EmbeddingRows<double, int>;

}  // namespace see::detail
