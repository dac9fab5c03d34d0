#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <utility>

#include "see/torch/tensor.hpp"

namespace see::torch::detail {

/// What AnyEmbedding and AnyEmbeddingBag share: a module "table" that is `Dense` until it is
/// exchanged for one that is `Entangled` (both module holders). `Impl` is the module that derives
/// from this and has a type_name.
template <class Impl, class Dense, class Entangled>
class AnyTable : public ::torch::nn::Cloneable<Impl> {
  using DenseImpl = typename Dense::ContainedType;
  using EntangledImpl = typename Entangled::ContainedType;
  using Options = decltype(DenseImpl::options);

 public:
  AnyTable(std::int64_t num_embeddings, std::int64_t embedding_dim)
      : AnyTable(Options(num_embeddings, embedding_dim)) {}
  explicit AnyTable(const Options& options) : AnyTable(Dense(options)) {}
  /// Holds this very module.
  explicit AnyTable(Dense dense) : dense_(std::move(dense)) {
    this->register_module("table", dense_);
  }
  explicit AnyTable(Entangled entangled) : entangled_(std::move(entangled)) {
    this->register_module("table", entangled_);
  }

  bool is_entangled() const noexcept { return !entangled_.is_empty(); }

  /// The table where it is of this kind. Throws where it is of the other.
  Dense dense() const {
    require(!is_entangled(), Impl::type_name, ": a dense table, but it is entangled");
    return dense_;
  }
  Entangled entangled() const {
    require(is_entangled(), Impl::type_name, ": an entangled table, but it is dense");
    return entangled_;
  }

  std::int64_t num_embeddings() const {
    return is_entangled() ? entangled_->num_embeddings() : dense_->options.num_embeddings();
  }
  std::int64_t embedding_dim() const {
    return is_entangled() ? entangled_->embedding_dim() : dense_->options.embedding_dim();
  }

  /// Puts an entangled table in the place of the one that it has; an optimizer that was made before
  /// does not know the new parameters. Throws unless it is of the same size.
  void entangle(Entangled table) {
    require(
        table->num_embeddings() == num_embeddings() && table->embedding_dim() == embedding_dim(),
        Impl::type_name, ": a table of ", table->num_embeddings(), " x ", table->embedding_dim(),
        ", needed ", num_embeddings(), " x ", embedding_dim());
    this->replace_module("table", table);
    entangled_ = std::move(table);
    dense_ = nullptr;
  }

  /// Makes a table of its own for a copy, which Cloneable fills.
  void reset() override {
    if (is_entangled()) {
      entangled_ = Entangled(std::make_shared<EntangledImpl>(*entangled_));
      this->register_module("table", entangled_);
    } else {
      dense_ = Dense(std::make_shared<DenseImpl>(*dense_));
      this->register_module("table", dense_);
    }
  }

  void pretty_print(std::ostream& stream) const override {
    stream << "see::torch::" << Impl::type_name;
  }

 protected:
  Dense dense_{nullptr};
  Entangled entangled_{nullptr};
};

}  // namespace see::torch::detail
