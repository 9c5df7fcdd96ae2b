/* Owns the judgement of a start (R38):
 *
 *     durable = clean-shutdown is there
 *            or nothing below a recovery point is wrong, and the last run flushed before it
 *               acknowledged (flush=ack), or the machine has not booted since (boot id)
 *
 * clean-shutdown is deleted before any log is opened, and this run's mode is written first. */
#include "broker/recovery.h"

#include "base/mem.h"
#include "base/small_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOOT_ID_BYTES = 64, RUN_MOST_BYTES = 256 };

struct recovering {
	struct env *env;
	const struct broker_settings *settings;
	const struct plog_options *options;
	struct recovery *recovery;
	struct plog **logs; /* open until all of them are durable */
	size_t log_count;
	int result;
};

/* ---- the marks of the last run ---- */

static bool take_clean_mark(struct env *env, const char *folder)
{
	char *path = mem_format("%s/clean-shutdown", folder);
	struct buffer text = {0};
	bool is_there = small_file_read(env, path, RUN_MOST_BYTES, &text) == 0;

	if (is_there && (env_path_remove(env, path) < 0 || env_folder_sync(env, folder) < 0))
		is_there = false;
	buffer_done(&text);
	mem_free(path);
	return is_there;
}

/* The kernel's boot id, or "" where there is none. */
static void read_boot_id(struct env *env, char boot_id[static BOOT_ID_BYTES])
{
	struct env_file *file;
	ssize_t count;

	boot_id[0] = 0;
	if (env_file_open(env, "/proc/sys/kernel/random/boot_id", ENV_OPEN_READ, &file) < 0)
		return;
	count = env_file_read(env, file, boot_id, BOOT_ID_BYTES - 1, 0);
	boot_id[count > 0 ? count : 0] = 0;
	boot_id[strcspn(boot_id, "\n")] = 0;
	env_file_unref(env, file);
}

/* Did the last run flush before it acknowledged, or has the page cache survived it? */
static bool page_cache_is_safe(struct env *env, const char *folder, const char *boot_id)
{
	char *path = mem_format("%s/last-run", folder), *boot;
	struct buffer text = {0};
	bool is_safe = false;

	if (small_file_read(env, path, RUN_MOST_BYTES, &text) == 0) {
		buffer_put_i8(&text, 0);
		boot = strstr((char *)text.data, "boot=");
		is_safe = strncmp((char *)text.data, "flush=ack\n", 10) == 0 ||
			  (boot && boot_id[0] && strncmp(boot + 5, boot_id, strlen(boot_id)) == 0);
	}
	buffer_done(&text);
	mem_free(path);
	return is_safe;
}

static int write_run(struct env *env, const struct broker_settings *settings, const char *boot_id)
{
	char *text = mem_format("flush=%s\nboot=%s\n",
				settings->flush == FLUSH_ACK ? "ack" : "async", boot_id);
	int rc = small_file_write(env, settings->log_dirs, "last-run", text, strlen(text));

	mem_free(text);
	return rc;
}

/* ---- logs ---- */

/* The topic id in a partition's folder. Returns 0 or -errno. */
static int read_topic_id(struct env *env, const char *folder, struct uuid *ret_id)
{
	char *path = mem_format("%s/partition.metadata", folder), *at;
	struct buffer text = {0};
	int rc = small_file_read(env, path, RUN_MOST_BYTES, &text);

	if (rc == 0) {
		buffer_put_i8(&text, 0);
		at = strstr((char *)text.data, "topic_id: ");
		if (at) {
			at += strlen("topic_id: ");
			at[strcspn(at, "\n")] = 0;
		}
		rc = at ? uuid_parse(at, ret_id) : -EINVAL;
	}
	buffer_done(&text);
	mem_free(path);
	return rc;
}

static void note_cut(struct recovering *r, struct plog *log, int32_t partition)
{
	struct recovery *recovery = r->recovery;
	size_t count = (size_t)recovery->cut_count + 1;

	recovery->cuts = mem_resize(recovery->cuts, count * sizeof(*recovery->cuts));
	recovery->cuts[count - 1] = (struct broker_registration_request_cut_partition){
		.topic_id = plog_topic_id(log),
		.partition = partition,
		.last_epoch = plog_last_epoch(log),
		.end_offset = plog_end_offset(log),
	};
	recovery->cut_count = (int32_t)count;
}

static void note_corrupt(struct recovering *r, struct uuid topic_id)
{
	struct recovery *recovery = r->recovery;
	size_t count = (size_t)recovery->corrupt_count + 1;

	recovery->corrupt = mem_resize(recovery->corrupt, count * sizeof(*recovery->corrupt));
	recovery->corrupt[count - 1] = topic_id;
	recovery->corrupt_count = (int32_t)count;
}

static void keep_log(struct recovering *r, struct plog *log)
{
	r->logs = mem_resize(r->logs, (r->log_count + 1) * sizeof(struct plog *));
	r->logs[r->log_count++] = log;
}

static void recover_log(struct recovering *r, const char *name, int32_t partition)
{
	char *folder = mem_format("%s/%s", r->settings->log_dirs, name);
	struct plog_opening opening;
	struct uuid topic_id;
	struct plog *log;
	int rc;

	if (read_topic_id(r->env, folder, &topic_id) < 0) {
		env_log(r->env, LOG_WARN, "%s: no partition.metadata: not looked at", folder);
		mem_free(folder);
		return;
	}
	rc = plog_open_unsynced(r->env, folder, topic_id, r->options, false, &opening, &log);
	if (rc < 0) {
		env_log(r->env, LOG_ERROR, "%s: cannot be recovered: %s", folder, strerror(-rc));
		r->result = rc;
	} else {
		if (opening.cut) {
			env_log(r->env, LOG_WARN,
				"%s: %lld bytes after offset %lld were torn and are set aside",
				folder, (long long)opening.cut_bytes,
				(long long)plog_end_offset(log));
			note_cut(r, log, partition);
		}
		if (opening.corrupt) {
			env_log(r->env, LOG_ERROR,
				"%s: corrupt at offset %lld; it is not served (R48): see "
				"bwctl partition accept-loss",
				folder, (long long)opening.corrupt_offset);
			note_corrupt(r, topic_id);
		}
		keep_log(r, log);
	}
	mem_free(folder);
}

static void recover_entry(void *context, const char *name)
{
	struct recovering *r = context;
	const char *dash = strrchr(name, '-');
	char *end;
	long partition = dash ? strtol(dash + 1, &end, 10) : -1;

	if (!dash || dash == name || end == dash + 1 || *end || partition < 0 || r->result < 0 ||
	    strncmp(name, "__cluster_metadata-", 19) == 0)
		return;
	recover_log(r, name, (int32_t)partition);
}

/* One sync for all: the time of a start must not grow by some fsyncs for each partition. */
static int settle_logs(struct recovering *r)
{
	int rc = r->log_count ? env_file_system_sync(r->env, r->settings->log_dirs) : 0;

	for (size_t i = 0; rc == 0 && i < r->log_count; i++)
		rc = plog_is_corrupt(r->logs[i]) ? 0 : plog_synced(r->logs[i]);
	return rc == 0 && r->log_count ? env_file_system_sync(r->env, r->settings->log_dirs) : rc;
}

static int recover_logs(struct recovering *r)
{
	int rc = env_folder_list(r->env, r->settings->log_dirs, recover_entry, r);

	if (rc >= 0)
		rc = r->result;
	if (rc == 0)
		rc = settle_logs(r);
	for (size_t i = 0; i < r->log_count; i++)
		plog_close(r->logs[i]);
	mem_free(r->logs);
	return rc;
}

int recovery_run(struct env *env, const struct broker_settings *settings,
		 const struct plog_options *options, struct recovery **ret_recovery)
{
	struct recovering r = {.env = env,
			       .settings = settings,
			       .options = options,
			       .recovery = mem_alloc(sizeof(struct recovery))};
	char boot_id[BOOT_ID_BYTES];
	bool cache_is_safe;
	int rc;

	read_boot_id(env, boot_id);
	r.recovery->previous_epoch = -1;
	r.recovery->was_clean = take_clean_mark(env, settings->log_dirs);
	cache_is_safe = page_cache_is_safe(env, settings->log_dirs, boot_id);
	rc = write_run(env, settings, boot_id);
	if (rc == 0 && !r.recovery->was_clean)
		rc = recover_logs(&r);
	if (rc < 0) {
		env_log(env, LOG_ERROR, "%s: recovery failed: %s", settings->log_dirs,
			strerror(-rc));
		recovery_free(r.recovery);
		return rc;
	}
	r.recovery->is_durable =
		r.recovery->was_clean || (cache_is_safe && r.recovery->corrupt_count == 0);
	*ret_recovery = r.recovery;
	return 0;
}

void recovery_free(struct recovery *recovery)
{
	if (!recovery)
		return;
	mem_free(recovery->cuts);
	mem_free(recovery->corrupt);
	mem_free(recovery);
}

bool recovery_is_corrupt(const struct recovery *recovery, struct uuid topic_id)
{
	for (int32_t i = 0; i < recovery->corrupt_count; i++)
		if (uuid_equal(recovery->corrupt[i], topic_id))
			return true;
	return false;
}
