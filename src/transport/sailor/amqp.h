// SPDX-License-Identifier: Apache-2.0
/* amqp.h - rabbitmq-c's headers, which newer versions keep in a folder of their own. */
#ifndef KC_TRANSPORT_SAILOR_AMQP_H
#define KC_TRANSPORT_SAILOR_AMQP_H

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#endif
