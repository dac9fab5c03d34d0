#include "see/file/model_file-inl.hpp"

namespace see {

template void save_model(const std::filesystem::path&, const Model<float>&);
template void save_model(const std::filesystem::path&, const Model<double>&);
template Model<float> load_model(const std::filesystem::path&, const LoadOptions&);
template Model<double> load_model(const std::filesystem::path&, const LoadOptions&);
template Model<float> load_model(const SafetensorsFile&, const LoadOptions&);
template Model<double> load_model(const SafetensorsFile&, const LoadOptions&);

}  // namespace see
