#include "see/compress/fit.hpp"

namespace see {

template FitReport fit(EntangledEmbedding<float>&, ConstRowMatrixRef<float>, const FitOptions&);

}  // namespace see
