// The kinds of clips behind open_video, each in its own file.
#pragma once

#include "heed/data/video.h"

namespace heed::data {

std::unique_ptr<Video> open_video_file(const std::filesystem::path& file,
                                       const ImageOptions& options);
std::unique_ptr<Video> open_frame_folder(const std::filesystem::path& folder,
                                         const ImageOptions& options);

/// Whether a file's name is one of a video file.
bool has_video_name(const std::filesystem::path& path);

/// chosen_frames, whose errors begin with the clip.
std::vector<int64_t> chosen_of(const std::string& clip, int64_t count, const FrameChoice& choice,
                               Random* random = nullptr);

/// Whether `a` stands before `b` where numbers in names count by their value: frame2.png, frame10.png.
bool in_natural_order(const std::string& a, const std::string& b);
/// Puts files in the natural order of their names.
void sort_naturally(std::vector<std::filesystem::path>& files);

}  // namespace heed::data
