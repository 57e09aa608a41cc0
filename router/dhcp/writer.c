// SPDX-License-Identifier: BSD-3-Clause
// pure
#include "router/dhcp/writer.h"
#include "lib/file.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
	char *path;
	int fd; // the thread's, while it runs
	pthread_t thread;
	pthread_mutex_t lock; // of what follows
	pthread_cond_t work;
	char *whole; // the file anew, before `added`
	size_t whole_len;
	char *added;
	size_t added_len, added_cap;
	uint64_t asked;
	bool end;
	_Atomic uint64_t done;
	_Atomic int failed;
};

struct job {
	char *whole, *added;
	size_t whole_len, added_len;
	uint64_t upto;
};

static int append(int fd, const char *text, size_t len) {
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int reopen(struct writer *w) {
	if (w->fd >= 0)
		close(w->fd);
	w->fd = open(w->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return w->fd < 0 ? -errno : 0;
}

static void job_do(struct writer *w, struct job *job) {
	struct err err = {0};
	int rc = job->whole ? 0 : atomic_load(&w->failed);

	if (job->whole)
		rc = file_write_atomic(w->path, job->whole, job->whole_len, 0600, &err);
	if (job->whole && rc == 0)
		rc = reopen(w);
	if (rc == 0 && job->added_len > 0)
		rc = append(w->fd, job->added, job->added_len);
	atomic_store(&w->failed, rc);
	if (rc == 0)
		atomic_store(&w->done, job->upto);
	free(job->whole);
	free(job->added);
}

static void *run(void *arg) {
	struct writer *w = arg;
	bool end = false;

	while (!end) {
		struct job job;

		pthread_mutex_lock(&w->lock);
		while (!w->end && w->whole == NULL && w->added_len == 0)
			pthread_cond_wait(&w->work, &w->lock);
		job = (struct job){w->whole, w->added, w->whole_len, w->added_len, w->asked};
		w->whole = w->added = NULL;
		w->added_len = w->added_cap = 0;
		end = w->end;
		pthread_mutex_unlock(&w->lock);
		if (job.whole || job.added_len > 0)
			job_do(w, &job);
		else
			free(job.added);
	}
	return NULL;
}

// Signals are for the control thread.
static int thread_start(struct writer *w) {
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -rc;
}

struct writer *writer_new(const char *path, struct err *err) {
	struct writer *w = calloc(1, sizeof(*w));
	int rc = -ENOMEM;

	if (w == NULL)
		goto fail;
	w->fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	w->path = strdup(path);
	rc = w->path ? reopen(w) : -ENOMEM;
	if (rc == 0)
		rc = thread_start(w);
	if (rc == 0)
		return w;
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
fail:
	free(w);
	err_set(err, rc, "%s: %s", path, strerror(-rc));
	return NULL;
}

void writer_free(struct writer *w) {
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->lock);
	w->end = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->work);
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	free(w);
}

static int added_grow(struct writer *w, size_t len) {
	size_t cap = w->added_cap ? w->added_cap : 4096;
	char *grown;

	while (cap < w->added_len + len)
		cap *= 2;
	if (cap == w->added_cap)
		return 0;
	grown = realloc(w->added, cap);
	if (grown == NULL)
		return -ENOMEM;
	w->added = grown;
	w->added_cap = cap;
	return 0;
}

uint64_t writer_append(struct writer *w, const char *text, size_t len) {
	uint64_t number = 0;

	pthread_mutex_lock(&w->lock);
	if (added_grow(w, len) == 0) {
		memcpy(w->added + w->added_len, text, len);
		w->added_len += len;
		number = ++w->asked;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return number;
}

uint64_t writer_replace(struct writer *w, char *text, size_t len) {
	uint64_t number;

	pthread_mutex_lock(&w->lock);
	free(w->whole);
	w->whole = text;
	w->whole_len = len;
	w->added_len = 0;
	number = ++w->asked;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	return number;
}

uint64_t writer_done(const struct writer *w) {
	return atomic_load(&w->done);
}

int writer_failed(const struct writer *w) {
	return atomic_load(&w->failed);
}
