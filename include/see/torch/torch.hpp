#pragma once

/// All of see::torch; needs LibTorch. Stands apart from see/see.hpp and see/compress.hpp.

#include "see/torch/any_bag.hpp"
#include "see/torch/any_embedding.hpp"
#include "see/torch/bag.hpp"
#include "see/torch/checkpoint.hpp"
#include "see/torch/cross_entropy.hpp"
#include "see/torch/dense_cross_entropy.hpp"
#include "see/torch/distill.hpp"
#include "see/torch/distill_loss.hpp"
#include "see/torch/embedding.hpp"
#include "see/torch/entangle.hpp"
#include "see/torch/head.hpp"
#include "see/torch/module.hpp"
#include "see/torch/operation.hpp"
#include "see/torch/pretrained.hpp"
#include "see/torch/prune.hpp"
#include "see/torch/share.hpp"
#include "see/torch/soft_loss.hpp"
#include "see/torch/tensor.hpp"
#include "see/torch/view.hpp"
