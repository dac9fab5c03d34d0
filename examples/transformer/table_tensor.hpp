#pragma once

#include <torch/torch.h>

#include <vector>

#include "see/core/table.hpp"
#include "see/model/sememe.hpp"

/// From numbers of see to tensors and back, where layers are fitted by torch.
namespace transformer {

/// A copy in double.
inline torch::Tensor to_tensor(const see::Table& table) {
  return torch::from_blob(const_cast<float*>(table.values().data()), {table.rows(), table.dim()})
      .to(torch::kDouble);
}

/// Units of one vector, the rows of a tensor.
inline see::Inventory<float> to_inventory(const torch::Tensor& rows) {
  const torch::Tensor units = rows.to(torch::kFloat).contiguous();
  const float* const first = units.data_ptr<float>();
  return {std::vector<float>(first, first + units.numel()), units.size(0), 1, units.size(1)};
}

}  // namespace transformer
