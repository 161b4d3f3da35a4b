#pragma once
// The decoder and its gradient in double precision and plain loops, one window at a time, written from the formulas
// alone.
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "models/layout.hpp"

namespace scalelaw::reference {

using Index = std::int64_t;

/// A matrix by rows.
struct Matrix {
  Index rows = 0, cols = 0;
  std::vector<double> values;
  Matrix(Index r, Index c) : rows(r), cols(c), values(static_cast<std::size_t>(r * c)) {}
  double& operator()(Index r, Index c) { return values[static_cast<std::size_t>(r * cols + c)]; }
  double operator()(Index r, Index c) const { return values[static_cast<std::size_t>(r * cols + c)]; }
};

inline Matrix times(const Matrix& a, const Matrix& b) {
  Matrix c(a.rows, b.cols);
  for (Index i = 0; i < a.rows; ++i) {
    for (Index k = 0; k < a.cols; ++k) {
      for (Index j = 0; j < b.cols; ++j) c(i, j) += a(i, k) * b(k, j);
    }
  }
  return c;
}
inline Matrix transposed(const Matrix& a) {
  Matrix t(a.cols, a.rows);
  for (Index i = 0; i < a.rows; ++i) {
    for (Index j = 0; j < a.cols; ++j) t(j, i) = a(i, j);
  }
  return t;
}
inline void add(Matrix& a, const Matrix& b) {
  for (std::size_t i = 0; i < a.values.size(); ++i) a.values[i] += b.values[i];
}

/// To the nearest number of 8 bits, ties to even.
inline double rounded_to_bf16(double x) {
  int exponent = 0;
  const double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(fraction * 256), exponent - 8);
}

constexpr double kEps = 1e-6;

/// Root mean square norm of `n` numbers from column `at` of row `r`.
inline double norm_scale(const Matrix& x, Index r, Index at, Index n) {
  double squares = 0;
  for (Index c = 0; c < n; ++c) squares += x(r, at + c) * x(r, at + c);
  return 1 / std::sqrt(squares / static_cast<double>(n) + kEps);
}
inline Matrix normed(const Matrix& x, Index group) {
  Matrix y = x;
  for (Index r = 0; r < x.rows; ++r) {
    for (Index at = 0; at < x.cols; at += group) {
      const double scale = norm_scale(x, r, at, group);
      for (Index c = at; c < at + group; ++c) y(r, c) *= scale;
    }
  }
  return y;
}
inline Matrix normed_backward(const Matrix& x, const Matrix& dy, Index group) {
  Matrix dx(x.rows, x.cols);
  for (Index r = 0; r < x.rows; ++r) {
    for (Index at = 0; at < x.cols; at += group) {
      const double scale = norm_scale(x, r, at, group);
      double dot = 0;
      for (Index c = at; c < at + group; ++c) dot += dy(r, c) * x(r, c);
      for (Index c = at; c < at + group; ++c) {
        dx(r, c) = scale * dy(r, c) - x(r, c) * dot * scale * scale * scale / static_cast<double>(group);
      }
    }
  }
  return dx;
}
/// Turns the pairs of each head of row t by t / 10000^(2 j / d_head); `sign` -1 turns back.
inline Matrix rotated(const Matrix& x, Index d_head, double sign) {
  Matrix y(x.rows, x.cols);
  for (Index t = 0; t < x.rows; ++t) {
    for (Index c = 0; c < x.cols; c += 2) {
      const Index pair = c % d_head / 2;
      const double angle = sign * static_cast<double>(t) /
                           std::pow(10000.0, 2.0 * static_cast<double>(pair) / static_cast<double>(d_head));
      y(t, c) = x(t, c) * std::cos(angle) - x(t, c + 1) * std::sin(angle);
      y(t, c + 1) = x(t, c) * std::sin(angle) + x(t, c + 1) * std::cos(angle);
    }
  }
  return y;
}
inline Matrix columns(const Matrix& x, Index at, Index n) {
  Matrix y(x.rows, n);
  for (Index r = 0; r < x.rows; ++r) {
    for (Index c = 0; c < n; ++c) y(r, c) = x(r, at + c);
  }
  return y;
}
inline void put_columns(Matrix& to, const Matrix& x, Index at) {
  for (Index r = 0; r < x.rows; ++r) {
    for (Index c = 0; c < x.cols; ++c) to(r, at + c) = x(r, c);
  }
}
inline double gelu(double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }
inline double gelu_slope(double x) {
  return 0.5 * std::erfc(-x / std::numbers::sqrt2) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
}

/// Softmax weights [T, T] of causal attention of one head with the scores scale q . k.
inline Matrix causal_weights(const Matrix& q, const Matrix& k, double scale) {
  Matrix p(q.rows, q.rows);
  for (Index i = 0; i < q.rows; ++i) {
    double total = 0;
    for (Index j = 0; j <= i; ++j) {
      double score = 0;
      for (Index c = 0; c < q.cols; ++c) score += q(i, c) * k(j, c);
      total += p(i, j) = std::exp(scale * score);
    }
    for (Index j = 0; j <= i; ++j) p(i, j) /= total;
  }
  return p;
}

struct Result {
  double loss = 0;  ///< mean over all tokens, nats
  std::vector<double> window_losses;
  std::vector<double> gradients;  ///< [P]
};

/// What outputs are multiplied by: of attention and MLP where they are added to the residual stream, and the logits.
struct OutputFactors {
  double branch = 1, head = 1;
};

/// What a window leaves in a block, a row per token.
struct BlockValues {
  Matrix x, h1, qkv, attended, x_mid, h2, u, g;
};
struct WindowValues {
  std::vector<BlockValues> blocks;
  Matrix residual, last, logits;  ///< stream after the last block, the same normed, and what the head makes of it
};

inline Matrix weight_of(const Layout& layout, std::span<const double> parameters, const std::string& name) {
  const Slice& s = layout.at(name);
  Matrix w(s.rows, s.cols);
  for (Index i = 0; i < s.size(); ++i) {
    w.values[static_cast<std::size_t>(i)] = parameters[static_cast<std::size_t>(s.offset + i)];
  }
  return w;
}
inline Matrix head_of(const Layout& layout, std::span<const double> parameters) {
  return layout.model.tie_embeddings ? transposed(weight_of(layout, parameters, "embedding"))
                                     : weight_of(layout, parameters, "head");
}
inline Matrix scaled(Matrix x, double factor) {
  for (double& value : x.values) value *= factor;
  return x;
}
inline Matrix rounded_product(const Matrix& a, const Matrix& b, double (*round)(double)) {
  const auto rounded = [&](Matrix matrix) {
    for (double& value : matrix.values) value = round != nullptr ? round(value) : value;
    return matrix;
  };
  return times(rounded(a), rounded(b));
}

/// By what the scores of head h of a layer ("layers.0.") are multiplied.
inline double scale_of(const Layout& layout, std::span<const double> parameters, const std::string& layer, Index h) {
  const ModelSpec& m = layout.model;
  const double root = std::sqrt(static_cast<double>(m.d_head));
  if (m.qk_scale.is(QkScale::learned)) return weight_of(layout, parameters, layer + "attention.qk_scale")(0, h) / root;
  return m.qk_scale.number ? *m.qk_scale.number / root : 1;
}

/// @param inputs [context]; @param round as in loss_and_grad
inline WindowValues forward(const Layout& layout, std::span<const double> parameters,
                            std::span<const std::int64_t> inputs, double (*round)(double) = nullptr,
                            OutputFactors factors = {}) {
  const ModelSpec& m = layout.model;
  const Index context = m.context, d = m.d_head, width = m.n_head * d;
  const auto weight = [&](const std::string& name) { return weight_of(layout, parameters, name); };
  const auto product = [&](const Matrix& a, const Matrix& b) { return rounded_product(a, b, round); };
  const Matrix embedding = weight("embedding");
  Matrix x(context, m.d_model);
  for (Index t = 0; t < context; ++t) {
    for (Index c = 0; c < m.d_model; ++c) x(t, c) = embedding(inputs[static_cast<std::size_t>(t)], c);
  }
  std::vector<BlockValues> blocks;
  for (Index layer = 0; layer < m.n_layer; ++layer) {
    const std::string name = "layers." + std::to_string(layer) + ".";
    const Matrix before = x, h1 = normed(x, m.d_model), qkv = product(h1, weight(name + "attention.qkv"));
    Matrix attended(context, width);
    for (Index h = 0; h < m.n_head; ++h) {
      const Matrix q = rotated(normed(columns(qkv, h * d, d), d), d, 1);
      const Matrix k = rotated(normed(columns(qkv, width + h * d, d), d), d, 1);
      const Matrix p = causal_weights(q, k, scale_of(layout, parameters, name, h));
      put_columns(attended, times(p, columns(qkv, 2 * width + h * d, d)), h * d);
    }
    add(x, scaled(product(attended, weight(name + "attention.output")), factors.branch));
    const Matrix middle = x, h2 = normed(x, m.d_model), u = product(h2, weight(name + "mlp.up"));
    Matrix g = u;
    for (double& value : g.values) value = gelu(value);
    add(x, scaled(product(g, weight(name + "mlp.down")), factors.branch));
    blocks.push_back({before, h1, qkv, attended, middle, h2, u, g});
  }
  const Matrix last = normed(x, m.d_model);
  return {blocks, x, last, scaled(product(last, head_of(layout, parameters)), factors.head)};
}

/// @param inputs, targets [windows, context]; @param round what becomes of every factor of a product with weights, and
/// of those that give their gradients
inline Result loss_and_grad(const Layout& layout, std::span<const double> parameters,
                            std::span<const std::int64_t> inputs, std::span<const std::int64_t> targets,
                            double (*round)(double) = nullptr, OutputFactors factors = {}) {
  const ModelSpec& m = layout.model;
  const Index context = m.context, d = m.d_head, width = m.n_head * d;
  const auto windows = static_cast<Index>(inputs.size()) / context;
  Result result{.window_losses = {}, .gradients = std::vector<double>(parameters.size())};
  const auto weight = [&](const std::string& name) { return weight_of(layout, parameters, name); };
  const auto add_gradient = [&](const std::string& name, const Matrix& dw) {
    const Slice& s = layout.at(name);
    for (Index i = 0; i < s.size(); ++i) {
      result.gradients[static_cast<std::size_t>(s.offset + i)] += dw.values[static_cast<std::size_t>(i)];
    }
  };
  const bool learned = m.qk_scale.is(QkScale::learned);
  const double root = std::sqrt(static_cast<double>(d));
  const auto product = [&](const Matrix& a, const Matrix& b) { return rounded_product(a, b, round); };
  const Matrix head = head_of(layout, parameters);
  for (Index w = 0; w < windows; ++w) {
    const auto token = [&](std::span<const std::int64_t> from, Index t) {
      return from[static_cast<std::size_t>(w * context + t)];
    };
    const auto at = static_cast<std::size_t>(w * context), tokens = static_cast<std::size_t>(context);
    const WindowValues values = forward(layout, parameters, inputs.subspan(at, tokens), round, factors);
    const Matrix &logits = values.logits, &last = values.last;
    Matrix dlogits(context, m.vocab);
    double window_loss = 0;
    for (Index t = 0; t < context; ++t) {
      double top = logits(t, 0), total = 0;
      for (Index v = 0; v < m.vocab; ++v) top = std::max(top, logits(t, v));
      for (Index v = 0; v < m.vocab; ++v) total += std::exp(logits(t, v) - top);
      window_loss += std::log(total) + top - logits(t, token(targets, t));
      for (Index v = 0; v < m.vocab; ++v) {
        const double softmax = std::exp(logits(t, v) - top) / total;
        dlogits(t, v) =
            factors.head * (softmax - (v == token(targets, t) ? 1.0 : 0.0)) / static_cast<double>(windows * context);
      }
    }
    result.window_losses.push_back(window_loss / static_cast<double>(context));
    result.loss += result.window_losses.back() / static_cast<double>(windows);

    const Matrix dhead = product(transposed(last), dlogits);
    if (m.tie_embeddings) {
      add_gradient("embedding", transposed(dhead));
    } else {
      add_gradient("head", dhead);
    }
    Matrix dx = normed_backward(values.residual, product(dlogits, transposed(head)), m.d_model);
    for (Index layer = m.n_layer - 1; layer >= 0; --layer) {
      const std::string name = "layers." + std::to_string(layer) + ".";
      const BlockValues& y = values.blocks[static_cast<std::size_t>(layer)];
      Matrix dbranch = scaled(dx, factors.branch);
      add_gradient(name + "mlp.down", product(transposed(y.g), dbranch));
      Matrix du = product(dbranch, transposed(weight(name + "mlp.down")));
      for (std::size_t i = 0; i < du.values.size(); ++i) du.values[i] *= gelu_slope(y.u.values[i]);
      add_gradient(name + "mlp.up", product(transposed(y.h2), du));
      add(dx, normed_backward(y.x_mid, product(du, transposed(weight(name + "mlp.up"))), m.d_model));

      dbranch = scaled(dx, factors.branch);
      add_gradient(name + "attention.output", product(transposed(y.attended), dbranch));
      const Matrix dattended = product(dbranch, transposed(weight(name + "attention.output")));
      Matrix dqkv(context, 3 * width), dscales(1, m.n_head);
      for (Index h = 0; h < m.n_head; ++h) {
        const Matrix q_raw = columns(y.qkv, h * d, d), k_raw = columns(y.qkv, width + h * d, d);
        const Matrix v = columns(y.qkv, 2 * width + h * d, d), dout = columns(dattended, h * d, d);
        const Matrix q = rotated(normed(q_raw, d), d, 1), k = rotated(normed(k_raw, d), d, 1);
        const double scale = scale_of(layout, parameters, name, h);
        const Matrix p = causal_weights(q, k, scale), dp = times(dout, transposed(v));
        Matrix ds(context, context);  // of scale q . k
        for (Index i = 0; i < context; ++i) {
          double mean = 0;
          for (Index j = 0; j <= i; ++j) mean += p(i, j) * dp(i, j);
          for (Index j = 0; j <= i; ++j) ds(i, j) = p(i, j) * (dp(i, j) - mean);
        }
        const Matrix products = times(q, transposed(k));
        for (std::size_t i = 0; i < ds.values.size(); ++i) {
          if (learned) dscales(0, h) += ds.values[i] * products.values[i] / root;
          ds.values[i] *= scale;
        }
        put_columns(dqkv, normed_backward(q_raw, rotated(times(ds, k), d, -1), d), h * d);
        put_columns(dqkv, normed_backward(k_raw, rotated(times(transposed(ds), q), d, -1), d), width + h * d);
        put_columns(dqkv, times(transposed(p), dout), 2 * width + h * d);
      }
      if (learned) add_gradient(name + "attention.qk_scale", dscales);
      add_gradient(name + "attention.qkv", product(transposed(y.h1), dqkv));
      add(dx, normed_backward(y.x, product(dqkv, transposed(weight(name + "attention.qkv"))), m.d_model));
    }
    Matrix dembedding(m.vocab, m.d_model);
    for (Index t = 0; t < context; ++t) {
      for (Index c = 0; c < m.d_model; ++c) dembedding(token(inputs, t), c) += dx(t, c);
    }
    add_gradient("embedding", dembedding);
  }
  return result;
}

}  // namespace scalelaw::reference
