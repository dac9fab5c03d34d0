#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

/// Files that hold no table as they are, told by their first bytes.
namespace see::detail {

inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// A UTF-8 text without the mark that editors of Windows put before it.
inline std::string_view without_byte_order_mark(std::string_view text) noexcept {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text;
}

/// "found X, needed Y" where a file is of a kind that people take for a table and must convert
/// first; empty where it is of no such kind.
inline std::string foreign_file(std::string_view text) {
  struct Kind {
    std::string_view magic;
    const char* sentence;
  };
  using namespace std::string_view_literals;
  static constexpr std::array kinds{
      Kind{"\x1f\x8b"sv, "found a gzip file, needed what is in it: gunzip"},
      Kind{"\xfd\x37zXZ\0"sv, "found an xz file, needed what is in it: unxz"},
      Kind{"BZh91AY&SY"sv, "found a bzip2 file, needed what is in it: bunzip2"},
      Kind{"\x28\xb5\x2f\xfd"sv, "found a zstd file, needed what is in it: unzstd"},
      Kind{"\x89HDF\r\n\x1a\n"sv, "found an HDF5 file, needed its table as .npy: numpy.save"},
      Kind{"GGUF\2\0"sv, "found a GGUF file, needed its table as .npy or safetensors"},
      Kind{"GGUF\3\0"sv, "found a GGUF file, needed its table as .npy or safetensors"},
      Kind{"PAR1\x15"sv, "found a Parquet file, needed its table as .npy: numpy.save"},
      Kind{"ARROW1\0"sv, "found an Arrow file, needed its table as .npy: numpy.save"},
      Kind{"\xba\x16\x4f\x2f"sv, "found a fastText model, needed its vectors as text (.vec)"},
      Kind{"version https://git-lfs"sv,
           "found a pointer of Git LFS, needed the file that it stands for: git lfs pull"},
      Kind{"<<<<<<< "sv, "found a merge conflict, needed a text without one"},
      Kind{"<!DOCTYPE"sv, "found a page of HTML, needed the file that it speaks of"},
      Kind{"<!doctype"sv, "found a page of HTML, needed the file that it speaks of"},
      Kind{"<html"sv, "found a page of HTML, needed the file that it speaks of"},
  };
  text = without_byte_order_mark(text);
  for (const Kind& kind : kinds)
    if (text.starts_with(kind.magic)) return kind.sentence;
  if (text.starts_with("PK\x03\x04")) {
    const std::string_view start = text.substr(0, 256);
    if (start.find("data.pkl") != start.npos)
      return "found a file of torch.save, needed its tensors as safetensors "
             "(safetensors.torch.save_file)";
    if (start.find(".npy") != start.npos)
      return "found an .npz file, needed one array of it as .npy: unzip";
    return "found a ZIP file, needed what is in it: unzip";
  }
  const bool has_mark = text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
  if (has_mark && text.substr(0, 64).find('\0') != text.npos)
    return "found UTF-16 text, needed UTF-8: iconv -f UTF-16 -t UTF-8";
  // A pickle begins with its protocol and, from version 4 on, a frame; it ends with a full stop.
  if (text.size() > 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5 && text.back() == '.')
    return "found a pickle of Python, needed its table as .npy: numpy.save";
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && (text[first] == '{' || text[first] == '[')) {
    const std::size_t next = text.find_first_not_of(" \t\r\n", first + 1);
    const char begins = next == text.npos ? ' ' : text[next];
    const bool object = text[first] == '{' && (begins == '"' || begins == '}');
    const bool list = text[first] == '[' && (begins == '[' || begins == '{' || begins == '"');
    if (object || list) return "found JSON, needed a table: words and numbers, .npy or safetensors";
  }
  return {};
}

}  // namespace see::detail
