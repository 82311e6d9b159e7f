// SPDX-License-Identifier: Apache-2.0
/* poll_conf.h - poll's settings as kc_poll_fields read them; their tables are in poll.h. */
#ifndef KC_COMPONENT_POLL_CONF_H
#define KC_COMPONENT_POLL_CONF_H

struct kc_poll_conf {
    char *topic;
    char *group_id;
    char *start_from;
    int key_encoding;
    int value_encoding;
    int isolation;
};

#endif
