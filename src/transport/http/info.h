// SPDX-License-Identifier: Apache-2.0
/* info.h - routes that tell what this server is and how it is: probes, descriptions. */
#ifndef KC_TRANSPORT_HTTP_INFO_H
#define KC_TRANSPORT_HTTP_INFO_H

#include "transport/http/service.h"

void kc_route_healthz(struct kc_service *s, struct kc_exchange *x);
void kc_route_readyz(struct kc_service *s, struct kc_exchange *x);
void kc_route_component(struct kc_service *s, struct kc_exchange *x);
void kc_route_schema(struct kc_service *s, struct kc_exchange *x);
void kc_route_openapi(struct kc_service *s, struct kc_exchange *x);

#endif
