// SPDX-License-Identifier: Apache-2.0
/* sink.h - where the answers to lines go: stdout, or what keeps them for an HTTP client. */
#ifndef KC_TRANSPORT_SINK_H
#define KC_TRANSPORT_SINK_H

#include "base/text.h"

struct kc_sink {
    /* Takes whole lines. By one thread at a time, in order; may wait while there is no room. */
    void (*put)(void *arg, struct kc_text lines);
    void *arg;
};

#endif
