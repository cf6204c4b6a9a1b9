/* images.h - pictures and videos that the user names, as parts of a request. */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include "cli/options.h"
#include "engine/request.h"

#define IMAGE_OPTION(at, more)                                                                                     \
    {                                                                                                              \
        "image", 0, OPTION_STRINGS, at, "FILE", .help = "a picture: PNG, JPEG, WebP or GIF; may be repeated",      \
                                                .here = (more)                                                     \
    }

#define VIDEO_OPTION(at)                                                                                           \
    {                                                                                                              \
        "video", 0, OPTION_STRINGS, at, "PATH",                                                                    \
            .help = "a video: a folder of pictures, one for each frame, an animated GIF or WebP, or, with "        \
                    "libavformat, a film; may be repeated"                                                         \
    }

#define FPS_OPTION(at)                                                                                             \
    {                                                                                                              \
        "fps", 0, OPTION_FLOAT, at, "N", .help = "frames a second of folders of frames (default: 24)",             \
                                         .min = 0.001, .max = 1000                                                 \
    }

/* A further part of the last message for each file. */
viv_status images_add(const struct string_list *files, struct request *r, struct error *err);

#endif
