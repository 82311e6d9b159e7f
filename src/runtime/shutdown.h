// SPDX-License-Identifier: Apache-2.0
/* shutdown.h - SIGTERM, SIGINT and SIGHUP, once for the whole process.
 *
 * The first asks for an orderly end; when that takes longer than it may, or at a second signal,
 * the process ends all the same: what was not settled comes again. */
#ifndef KC_RUNTIME_SHUTDOWN_H
#define KC_RUNTIME_SHUTDOWN_H

/* Called on a thread of its own: with drain_ms at the signal, with 0 when that time is over. */
typedef void kc_shutdown_stop(void *arg, int drain_ms);

/* Before any other thread is started: from here on only our own thread gets these signals. */
void kc_shutdown_block(void);

/* One at a time; what is given must live until kc_shutdown_ignore(). */
void kc_shutdown_watch(kc_shutdown_stop *stop, void *arg, int drain_ms);
void kc_shutdown_ignore(void);

/* The same for a start, during which nothing can be lost: at the signal stop is called, once,
 * and where that does not end it within a second the process ends by itself, with exit code 0.
 * kc_shutdown_watch() is the end of the start; kc_shutdown_ignore() only takes stop away. */
void kc_shutdown_watch_start(kc_shutdown_stop *stop, void *arg);

/* For an orchestrator with rules of its own: a second signal changes nothing, only time does,
 * and an end by force gives this exit code. Before kc_shutdown_watch(). */
void kc_shutdown_once(int exit_code);

/* From here on SIGHUP does not end the process but calls reload, on the thread of
 * kc_shutdown_stop; it should not take long. Up to four, called in the order they came. Before
 * kc_shutdown_watch(), on the main thread; what is given must live until kc_shutdown_ignore().
 */
void kc_shutdown_on_reload(void (*reload)(void *arg), void *arg);

#endif
