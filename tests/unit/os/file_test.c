/* Files, folders, flush tickets and cold reads. */
#include "os_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A process whose data folder is new. */
struct place {
	struct os_process *process;
	struct env *env;
	char *folder;
};

static struct place place_new(struct os_options options)
{
	struct place place = {.folder = folder_new()};

	options.data_folder = place.folder;
	place.process = process_of(options);
	place.env = os_process_env(place.process, 0);
	return place;
}

static char *place_path(const struct place *place, const char *name, unsigned number)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s%u", place->folder, name, number);
	return path;
}

static struct env_file *place_file(const struct place *place, const char *name, unsigned number)
{
	struct env_file *file;

	assert_int_equal(env_file_open(place->env, place_path(place, name, number),
				       ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file),
			 0);
	return file;
}

static void write_text(struct env *env, struct env_file *file, const char *text, int64_t position)
{
	struct iovec piece = {(void *)text, strlen(text)};

	assert_int_equal(env_file_write(env, file, &piece, 1, position), 0);
}

static void remove_one(void *context, const char *name)
{
	const struct place *place = context;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", place->folder, name);
	assert_int_equal(env_path_remove(place->env, path), 0);
}

static void place_done(struct place *place)
{
	assert_int_equal(env_folder_list(place->env, place->folder, remove_one, place), 0);
	assert_int_equal(env_path_remove(place->env, place->folder), 0);
	os_process_free(place->process);
	free(place->folder);
}

/* ---- files ---- */

enum { PIECES = 3 * OS_WRITE_PIECES + 5 };

static void a_write_of_many_pieces_is_whole(void **state)
{
	struct place place = place_new((struct os_options){0});
	struct env_file *file = place_file(&place, "f", 0);
	char wanted[PIECES * 7], got[sizeof(wanted) + 10];
	struct iovec pieces[PIECES];
	size_t size = 0;

	(void)state;
	for (unsigned i = 0; i < sizeof(wanted); i++)
		wanted[i] = (char)(i * 31 + i / 256);
	for (unsigned i = 0; i < PIECES; i++) {
		pieces[i] = (struct iovec){wanted + size, i % 8}; /* some are empty */
		size += i % 8;
	}
	assert_int_equal(env_file_write(place.env, file, pieces, PIECES, 100), 0);
	assert_int_equal(env_file_size(place.env, file), 100 + size);
	assert_int_equal(env_file_read(place.env, file, got, sizeof(got), 100), size);
	assert_memory_equal(got, wanted, size);
	assert_int_equal(env_file_read_cached(place.env, file, got, 10, 90), 10);
	assert_int_equal(env_file_read(place.env, file, got, 1, 5000), 0);
	assert_int_equal(env_file_write(place.env, file, pieces, 1, 0), 0); /* of no bytes */
	assert_int_equal(env_file_truncate(place.env, file, 7), 0);
	assert_int_equal(env_file_size(place.env, file), 7);
	assert_int_equal(env_file_sync(place.env, file), 0);
	env_file_unref(place.env, file);
	assert_int_equal(-ENOENT, env_file_open(place.env, place_path(&place, "none", 0),
						ENV_OPEN_READ, &file));
	place_done(&place);
}

static void a_full_disk_is_reported(void **state)
{
	struct os_process *process = process_of((struct os_options){0});
	struct env *env = os_process_env(process, 0);
	struct iovec piece = {"x", 1};
	struct env_file *file;

	(void)state;
	assert_int_equal(env_file_open(env, "/dev/full", ENV_OPEN_WRITE, &file), 0);
	assert_int_equal(env_file_write(env, file, &piece, 1, 0), -ENOSPC);
	env_file_unref(env, file);
	os_process_free(process);
}

/* ---- the page cache ---- */

static void note_read(struct env_read_ahead *read, int result)
{
	read->result = result;
	read->home = NULL; /* the test's sign that it is done */
}

/* A file of eight probes, none of it in the page cache; skips where that cannot be. */
static struct env_file *cold_file(const struct place *place)
{
	struct env_file *file = place_file(place, "cold", 0);
	char *bytes = calloc(8, OS_CACHE_PROBE_BYTES);
	struct iovec piece = {bytes, 8 * OS_CACHE_PROBE_BYTES};
	struct statfs system;

	assert_int_equal(env_file_write(place->env, file, &piece, 1, 0), 0);
	free(bytes);
	assert_int_equal(env_file_sync(place->env, file), 0);
	assert_int_equal(posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	assert_int_equal(posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM), 0);
	assert_int_equal(fstatfs(file->fd, &system), 0);
	if (system.f_type == TMPFS_MAGIC) {
		print_message("skipped: %s is a tmpfs, which is never cold\n", place->folder);
		env_file_unref(place->env, file);
		return NULL;
	}
	return file;
}

static void a_cold_piece_is_a_miss_until_it_was_read_ahead(void **state)
{
	struct place place = place_new((struct os_options){0});
	struct env_file *file = cold_file(&place);
	size_t size = 8 * OS_CACHE_PROBE_BYTES;
	struct env_read_ahead read = {.file = file, .size = size, .done = note_read};
	char *bytes = malloc(size);

	(void)state;
	if (!file)
		skip();
	assert_false(env_file_is_cached(place.env, file, 0, size));
	assert_int_equal(env_file_read_cached(place.env, file, bytes, size, 0), -EAGAIN);
	env_read_ahead(place.env, &read);
	TURN_UNTIL(place.process, read.home == NULL);
	assert_int_equal(read.result, 0);
	assert_true(env_file_is_cached(place.env, file, 0, size));
	assert_int_equal(env_file_read_cached(place.env, file, bytes, size, 0), size);
	free(bytes);
	env_file_unref(place.env, file);
	place_done(&place);
}

static void a_hole_in_the_middle_of_the_cache_is_found(void **state)
{
	struct place place = place_new((struct os_options){0});
	struct env_file *file = cold_file(&place);
	size_t size = 8 * OS_CACHE_PROBE_BYTES;
	char byte, two[2];

	(void)state;
	if (!file)
		skip();
	for (unsigned i = 0; i < 8; i++)
		if (i != 5)
			env_file_read(place.env, file, &byte, 1, i * OS_CACHE_PROBE_BYTES);
	env_file_read(place.env, file, &byte, 1, (int64_t)size - 1);
	assert_true(env_file_is_cached(place.env, file, 0, OS_CACHE_PROBE_BYTES + 1));
	assert_false(env_file_is_cached(place.env, file, 0, size));
	assert_false(env_file_is_cached(place.env, file, 0, OS_CACHE_PROBE_BYTES)); /* its end */
	/* A read whose second half is missing is a miss, not a short read. */
	assert_int_equal(env_file_read_cached(place.env, file, two, 1, 4095), 1);
	assert_int_equal(env_file_read_cached(place.env, file, two, 2, 4095), -EAGAIN);
	env_file_unref(place.env, file);
	place_done(&place);
}

static void a_cold_read_that_fails_says_so(void **state)
{
	struct place place = place_new((struct os_options){0});
	struct env_read_ahead read = {.size = 10, .done = note_read};

	(void)state;
	assert_int_equal(env_file_open(place.env, place.folder, ENV_OPEN_READ, &read.file), 0);
	env_read_ahead(place.env, &read);
	env_file_unref(place.env, read.file); /* the request holds it */
	TURN_UNTIL(place.process, read.home == NULL);
	assert_int_equal(read.result, -EISDIR);
	place_done(&place);
}

/* ---- flush tickets ---- */

enum { FILES = 20 };

struct ticket {
	struct env_flush flush;
	unsigned *answered;
	int result;
};

static void note_flushed(struct env_flush *flush, int result)
{
	struct ticket *ticket = OS_CONTAINER(flush, struct ticket, flush);

	ticket->result = result;
	++*ticket->answered;
}

static void ask(struct env *env, struct ticket *ticket, struct env_file *file, unsigned *answered)
{
	*ticket = (struct ticket){{.file = file, .done = note_flushed}, answered, 1};
	env_flush(env, &ticket->flush);
}

static void ask_for_files(struct place *place, struct ticket *tickets, unsigned count,
			  unsigned *answered)
{
	for (unsigned i = 0; i < count; i++) {
		struct env_file *file = place_file(place, "f", i);

		write_text(place->env, file, "records", 0);
		ask(place->env, &tickets[i], file, answered);
		env_file_unref(place->env, file); /* the ticket holds it */
	}
}

static void check_results(const struct ticket *tickets, unsigned count, int result)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(tickets[i].result, result);
}

static void many_files_are_flushed_by_one_syncfs(void **state)
{
	struct place place = place_new((struct os_options){.syncfs_from_files = FILES});
	struct ticket tickets[FILES];
	struct os_flush_counts counts;
	unsigned answered = 0;

	(void)state;
	ask_for_files(&place, tickets, FILES, &answered);
	TURN_UNTIL(place.process, answered == FILES);
	check_results(tickets, FILES, 0);
	os_process_flush_counts(place.process, &counts);
	assert_int_equal(counts.tickets, FILES);
	assert_int_equal(counts.syncfs, 1);
	assert_int_equal(counts.fdatasyncs, 0);
	place_done(&place);
}

static void few_files_are_flushed_one_by_one(void **state)
{
	struct place place = place_new((struct os_options){.syncfs_from_files = FILES + 1});
	struct ticket tickets[FILES];
	struct os_flush_counts counts;
	unsigned answered = 0;

	(void)state;
	ask_for_files(&place, tickets, FILES, &answered);
	TURN_UNTIL(place.process, answered == FILES);
	check_results(tickets, FILES, 0);
	os_process_flush_counts(place.process, &counts);
	assert_int_equal(counts.syncfs, 0);
	assert_int_equal(counts.fdatasyncs, FILES);
	place_done(&place);
}

static void tickets_for_one_file_share_a_flush(void **state)
{
	struct place place = place_new((struct os_options){0});
	struct env_file *file = place_file(&place, "f", 0);
	struct ticket tickets[FILES];
	struct os_flush_counts counts;
	unsigned answered = 0;

	(void)state;
	for (unsigned i = 0; i < FILES; i++)
		ask(place.env, &tickets[i], file, &answered);
	TURN_UNTIL(place.process, answered == FILES);
	check_results(tickets, FILES, 0);
	os_process_flush_counts(place.process, &counts);
	assert_int_equal(counts.fdatasyncs, 1);
	assert_int_equal(counts.syncfs, 0); /* one file, however many tickets */
	env_file_unref(place.env, file);
	place_done(&place);
}

static unsigned queued_files(struct place *place)
{
	struct os_flush *flush = &place->process->flush;
	unsigned count;

	pthread_mutex_lock(&flush->helpers.lock);
	count = flush->on_data_system.count;
	pthread_mutex_unlock(&flush->helpers.lock);
	return count;
}

static void a_ticket_that_comes_during_a_flush_gets_the_next_one(void **state)
{
	enum { SLOW_BYTES = 32 << 20 }; /* takes a disk long enough for the second ticket */
	struct place place = place_new((struct os_options){0});
	struct env_file *file = place_file(&place, "f", 0);
	struct iovec piece = {calloc(1, SLOW_BYTES), SLOW_BYTES};
	uint64_t end_us = env_now_us(place.env) + PATIENCE_US;
	struct os_flush_counts counts;
	struct ticket tickets[2];
	unsigned answered = 0;

	(void)state;
	assert_int_equal(env_file_write(place.env, file, &piece, 1, 0), 0);
	ask(place.env, &tickets[0], file, &answered);
	os_process_turn(place.process, 0);
	while (queued_files(&place) > 0 && env_now_us(place.env) < end_us)
		; /* until a helper has taken it */
	ask(place.env, &tickets[1], file, &answered);
	TURN_UNTIL(place.process, answered == 2);
	check_results(tickets, 2, 0);
	os_process_flush_counts(place.process, &counts);
	assert_int_equal(counts.fdatasyncs, 2);
	env_file_unref(place.env, file);
	free(piece.iov_base);
	place_done(&place);
}

static void pretend_syncfs(struct place *place, bool running)
{
	struct os_flush *flush = &place->process->flush;

	pthread_mutex_lock(&flush->helpers.lock);
	flush->syncfs_running = running;
	pthread_cond_broadcast(&flush->helpers.work);
	pthread_mutex_unlock(&flush->helpers.lock);
}

static void files_gather_while_a_syncfs_runs(void **state)
{
	struct place place = place_new((struct os_options){.syncfs_from_files = 8});
	struct ticket tickets[FILES], outside;
	struct env_file *null;
	struct os_flush_counts counts;
	unsigned answered = 0, answered_outside = 0;

	(void)state;
	pretend_syncfs(&place, true);
	for (unsigned i = 0; i < FILES; i += 5) {
		ask_for_files(&place, tickets + i, 5, &answered);
		os_process_turn(place.process, 0);
	}
	/* Of another file system: served meanwhile; its error is its own. */
	assert_int_equal(env_file_open(place.env, "/dev/null", ENV_OPEN_WRITE, &null), 0);
	ask(place.env, &outside, null, &answered_outside);
	TURN_UNTIL(place.process, answered_outside == 1);
	assert_int_equal(outside.result, -EINVAL);
	assert_int_equal(queued_files(&place), FILES);
	pretend_syncfs(&place, false);
	TURN_UNTIL(place.process, answered == FILES);
	check_results(tickets, FILES, 0);
	os_process_flush_counts(place.process, &counts);
	assert_int_equal(counts.syncfs, 1);
	assert_int_equal(counts.failures, 1);
	env_file_unref(place.env, null);
	place_done(&place);
}

static void a_failed_syncfs_fails_every_ticket_of_its_round(void **state)
{
	struct place place = place_new((struct os_options){.syncfs_from_files = FILES});
	struct ticket tickets[FILES];
	unsigned answered = 0;
	int fd = place.process->flush.data_folder_fd;

	(void)state;
	/* No disk fails on demand: EBADF stands for EIO. */
	place.process->flush.data_folder_fd = -1;
	ask_for_files(&place, tickets, FILES, &answered);
	TURN_UNTIL(place.process, answered == FILES);
	check_results(tickets, FILES, -EBADF);
	place.process->flush.data_folder_fd = fd;
	place_done(&place);
}

/* Three loops flush their files again and again, some of them shared between the loops. */
enum { FLUSHERS = 3, FILES_EACH = 6, FLUSHES = 40 };

struct flusher {
	struct flusher_file {
		struct env_flush flush;
		struct flusher *flusher;
		unsigned count;
	} files[FILES_EACH];
	struct env *env;
	struct storm *storm;
	unsigned complete;
};

struct storm {
	struct place place;
	struct flusher flushers[FLUSHERS];
	struct env_timer give_up;
	atomic_uint failures;
	atomic_uint flushers_complete;
};

static void flush_again(struct env_flush *flush, int result)
{
	struct flusher_file *file = OS_CONTAINER(flush, struct flusher_file, flush);
	struct storm *storm = file->flusher->storm;

	atomic_fetch_add(&storm->failures, result != 0 || flush->home != file->flusher->env);
	if (++file->count < FLUSHES) {
		write_text(file->flusher->env, flush->file, "more", file->count);
		env_flush(file->flusher->env, flush);
	} else if (++file->flusher->complete == FILES_EACH &&
		   atomic_fetch_add(&storm->flushers_complete, 1) == FLUSHERS - 1) {
		os_process_stop(storm->place.process);
	}
}

static void storm_lasts_too_long(struct env_timer *timer)
{
	os_process_stop(OS_CONTAINER(timer, struct storm, give_up)->place.process);
}

static void start_flushing(struct env *env, void *context)
{
	struct storm *storm = context;
	struct flusher *flusher = &storm->flushers[env->shard];

	flusher->env = env;
	flusher->storm = storm;
	if (env->shard == FLUSHERS - 1)
		env_timer_after(env, &storm->give_up, PATIENCE_US);
	for (unsigned i = 0; i < FILES_EACH; i++) {
		flusher->files[i].flusher = flusher;
		env_flush(env, &flusher->files[i].flush);
	}
}

static void flushes_of_several_loops_are_all_answered_at_home(void **state)
{
	struct storm storm = {.place.folder = folder_new(), .give_up.fire = storm_lasts_too_long};
	struct os_options options = {.data_folder = storm.place.folder, .syncfs_from_files = 8};
	struct os_flush_counts counts;

	(void)state;
	assert_int_equal(os_process_new(&options, FLUSHERS, &storm.place.process), 0);
	storm.place.env = os_process_env(storm.place.process, 0);
	for (unsigned f = 0; f < FLUSHERS; f++)
		for (unsigned i = 0; i < FILES_EACH; i++) {
			struct env_flush *flush = &storm.flushers[f].files[i].flush;

			/* The first two are the same file for all. */
			flush->file = i < 2 && f > 0
					      ? env_file_ref(storm.place.env,
							     storm.flushers[0].files[i].flush.file)
					      : place_file(&storm.place, "s", f * FILES_EACH + i);
			flush->done = flush_again;
		}
	assert_int_equal(os_process_run(storm.place.process, start_flushing, &storm), 0);
	assert_int_equal(storm.flushers_complete, FLUSHERS);
	assert_int_equal(storm.failures, 0);
	os_process_flush_counts(storm.place.process, &counts);
	assert_int_equal(counts.tickets, FLUSHERS * FILES_EACH * FLUSHES);
	for (unsigned f = 0; f < FLUSHERS; f++)
		for (unsigned i = 0; i < FILES_EACH; i++)
			env_file_unref(storm.place.env, storm.flushers[f].files[i].flush.file);
	place_done(&storm.place);
}

/* ---- folders ---- */

static void append_name(void *context, const char *name)
{
	strcat(strcat(context, name), " ");
}

static void folders_are_listed_by_name(void **state)
{
	struct place place = place_new((struct os_options){0});
	char names[64] = "";

	(void)state;
	env_file_unref(place.env, place_file(&place, "b", 2));
	env_file_unref(place.env, place_file(&place, "a", 10));
	assert_int_equal(env_folder_create(place.env, place_path(&place, "a", 9)), 0);
	assert_int_equal(env_folder_create(place.env, place_path(&place, "a", 9)), 0);
	assert_int_equal(env_folder_create(place.env, place_path(&place, "b", 2)), -ENOTDIR);
	assert_int_equal(env_folder_sync(place.env, place.folder), 0);
	assert_int_equal(env_folder_list(place.env, place.folder, append_name, names), 0);
	assert_string_equal(names, "a10 a9 b2 ");
	assert_int_equal(-ENOENT, env_folder_list(place.env, place_path(&place, "none", 0),
						  append_name, names));
	place_done(&place);
}

static void a_folder_has_one_owner(void **state)
{
	struct place place = place_new((struct os_options){0});
	struct os_process *other = process_of((struct os_options){0});

	(void)state;
	assert_int_equal(env_folder_lock(os_process_env(other, 0), place.folder), 0);
	assert_int_equal(env_folder_lock(place.env, place.folder), -EBUSY);
	os_process_free(other);
	assert_int_equal(env_folder_lock(place.env, place.folder), 0);
	place_done(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_of_many_pieces_is_whole),
		cmocka_unit_test(a_full_disk_is_reported),
		cmocka_unit_test(a_cold_piece_is_a_miss_until_it_was_read_ahead),
		cmocka_unit_test(a_hole_in_the_middle_of_the_cache_is_found),
		cmocka_unit_test(a_cold_read_that_fails_says_so),
		cmocka_unit_test(many_files_are_flushed_by_one_syncfs),
		cmocka_unit_test(few_files_are_flushed_one_by_one),
		cmocka_unit_test(tickets_for_one_file_share_a_flush),
		cmocka_unit_test(a_ticket_that_comes_during_a_flush_gets_the_next_one),
		cmocka_unit_test(files_gather_while_a_syncfs_runs),
		cmocka_unit_test(a_failed_syncfs_fails_every_ticket_of_its_round),
		cmocka_unit_test(flushes_of_several_loops_are_all_answered_at_home),
		cmocka_unit_test(folders_are_listed_by_name),
		cmocka_unit_test(a_folder_has_one_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
