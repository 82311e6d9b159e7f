// SPDX-License-Identifier: Apache-2.0
/* http_floor.c - the least that an HTTP server on libmicrohttpd can do: read the body, answer
 * 200. What `serve` costs is compared with this.
 *
 *   http_floor external|pool
 *
 * external: libmicrohttpd's epoll set inside a loop of ours, on one thread; pool: its own
 * threads, ten, so that none of them has more than 120 of 1,000 connections (0.9.75's loop
 * stalls at multiples of 128 that wait). Prints its address, serves until it is ended. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define THREADS         10
#define CONNECTIONS_MAX 4096

/* As large as the answer to one record. */
static char answer[] =
    "{\"messages\":[{\"id\":\"00000000-0000-4000-8000-000000000000\",\"headers\":{},"
    "\"body\":{\"topicName\":\"bench\",\"partition\":\"0\",\"errorCode\":\"0\","
    "\"baseOffset\":\"1000\",\"logAppendTime\":\"-1\",\"logStartOffset\":\"0\"}}],"
    "\"errors\":[]}";

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *bytes,
                              size_t *size, void **request)
{
    static int begun;
    (void)context, (void)url, (void)method, (void)version, (void)bytes;
    if (!*request) {
        *request = &begun;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof(answer) - 1, answer, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    enum MHD_Result is_queued = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return is_queued;
}

static void serve(struct MHD_Daemon *daemon)
{
    struct epoll_event event = { .events = EPOLLIN };
    int fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(fd, EPOLL_CTL_ADD,
              MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, &event);
    for (;;) {
        MHD_UNSIGNED_LONG_LONG wait_ms = 1000;
        if (MHD_get_timeout(daemon, &wait_ms) != MHD_YES || wait_ms > 1000)
            wait_ms = 1000;
        epoll_wait(fd, &event, 1, (int)wait_ms);
        MHD_run(daemon);
    }
}

int main(int argc, char **argv)
{
    bool is_external = argc > 1 && strcmp(argv[1], "external") == 0;
    unsigned int flags = MHD_USE_EPOLL | (is_external ? 0U : MHD_USE_INTERNAL_POLLING_THREAD);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct MHD_OptionItem options[] = {
        { MHD_OPTION_SOCK_ADDR, 0, &at },
        { MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, NULL },
        { is_external ? MHD_OPTION_END : MHD_OPTION_THREAD_POOL_SIZE, THREADS, NULL },
        { MHD_OPTION_END, 0, NULL }
    };
    struct MHD_Daemon *daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, NULL,
                                                 MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "libmicrohttpd does not start\n");
        return 69;
    }
    printf("http://127.0.0.1:%d\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    if (is_external)
        serve(daemon);
    for (;;)
        pause();
}
