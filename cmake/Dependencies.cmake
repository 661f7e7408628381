# Every library that Heed stands on. A missing one is named with the Debian package that brings it.
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(EXPAT REQUIRED)
find_package(hwy REQUIRED)
if(NOT TARGET hwy::hwy)
  add_library(hwy::hwy INTERFACE IMPORTED)
  target_link_libraries(hwy::hwy INTERFACE hwy)
endif()
find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED)  # Asio and Beast, headers alone
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(LibTorch REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)

find_path(SNDFILE_INCLUDE_DIR sndfile.h REQUIRED)
find_library(SNDFILE_LIBRARY sndfile REQUIRED)
add_library(SndFile::sndfile INTERFACE IMPORTED)
target_include_directories(SndFile::sndfile INTERFACE ${SNDFILE_INCLUDE_DIR})
target_link_libraries(SndFile::sndfile INTERFACE ${SNDFILE_LIBRARY})
find_path(SAMPLERATE_INCLUDE_DIR samplerate.h REQUIRED)
find_library(SAMPLERATE_LIBRARY samplerate REQUIRED)
add_library(SampleRate::samplerate INTERFACE IMPORTED)
target_include_directories(SampleRate::samplerate INTERFACE ${SAMPLERATE_INCLUDE_DIR})
target_link_libraries(SampleRate::samplerate INTERFACE ${SAMPLERATE_LIBRARY})

# Pictures. The flags that pkg-config adds besides (-pthread) would not fit the precompiled header.
find_package(PkgConfig REQUIRED)
pkg_check_modules(PANGO QUIET pangocairo pangoft2 cairo fontconfig)
if(NOT PANGO_FOUND)
  message(FATAL_ERROR "Pictures need pango and cairo, which pkg-config does not find: install libpango1.0-dev.")
endif()
add_library(Pango::pangocairo INTERFACE IMPORTED)
target_include_directories(Pango::pangocairo INTERFACE ${PANGO_INCLUDE_DIRS})
target_link_libraries(Pango::pangocairo INTERFACE ${PANGO_LINK_LIBRARIES})

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
add_library(xxHash::xxHash INTERFACE IMPORTED)
target_include_directories(xxHash::xxHash INTERFACE ${XXHASH_INCLUDE_DIR})
target_link_libraries(xxHash::xxHash INTERFACE ${XXHASH_LIBRARY})

if(HEED_THREADS STREQUAL "openmp")
  find_package(OpenMP REQUIRED)
endif()

# Optional: tokenizers of kind unigram and bpe, through a plug-in.
find_path(SENTENCEPIECE_INCLUDE_DIR sentencepiece_trainer.h)
find_library(SENTENCEPIECE_LIBRARY sentencepiece)
find_library(SENTENCEPIECE_TRAIN_LIBRARY sentencepiece_train)
if(NOT SENTENCEPIECE_INCLUDE_DIR OR NOT SENTENCEPIECE_LIBRARY OR NOT SENTENCEPIECE_TRAIN_LIBRARY)
  message(NOTICE "Left out: tokenizers of kind unigram and bpe. They need libsentencepiece-dev.")
endif()

# Optional: video files, through a plug-in. Folders of frames need nothing of it.
pkg_check_modules(FFMPEG QUIET libavformat libavcodec libswscale libavutil)
if(NOT FFMPEG_FOUND)
  message(NOTICE "Left out: video files. They need libavformat-dev, libavcodec-dev, libswscale-dev and libavutil-dev.")
endif()

# Optional: training by many processes. LibTorch has Gloo inside; its header of the process group includes Gloo's own.
find_path(GLOO_INCLUDE_DIR gloo/rendezvous/store.h)
if(NOT GLOO_INCLUDE_DIR)
  message(NOTICE "Left out: training by many processes. It needs libgloo-dev.")
endif()
