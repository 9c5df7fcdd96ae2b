/* Owns the reading of replicas' files behind their brokers' backs. */
#include "sim/sim_replicas.h"

#include "base/buffer.h"
#include "base/mem.h"
#include "wire/batch.h"

#include <string.h>

struct comparison {
	struct sim_disk *disk;
	struct sim_log *log;
	char *folder;
	int64_t end, compared;
};

static void compare_batch(struct comparison *c, const struct batch *batch)
{
	struct reader records = batch_records(batch);
	struct batch_record record;

	while (batch_next_record(batch, &records, &record) == BATCH_OK)
		if (record.offset < c->end) {
			sim_log_read(c->log, record.offset, record.value, record.value_size);
			c->compared++;
		}
}

static void compare_segment(struct comparison *c, struct env_file *file)
{
	struct buffer bytes = {0};
	struct reader in;
	struct batch batch;
	int64_t size = sim_disk_size(file);
	ssize_t got = size > 0 ? sim_disk_read(file, buffer_reserve(&bytes, (size_t)size),
					       (size_t)size, 0)
			       : 0;

	in = reader_of(bytes.data, got > 0 ? (size_t)got : 0);
	while (batch_next(&in, &batch) == BATCH_OK)
		compare_batch(c, &batch);
	buffer_done(&bytes);
}

static void compare_entry(void *context, const char *name)
{
	struct comparison *c = context;
	size_t size = strlen(name);
	struct env_file *file;
	char *path;

	if (size != 24 || strcmp(name + 20, ".log") != 0)
		return;
	path = mem_format("%s/%s", c->folder, name);
	if (sim_disk_open(c->disk, path, ENV_OPEN_READ, &file) == 0) {
		compare_segment(c, file);
		sim_disk_unref(file);
	}
	mem_free(path);
}

int64_t sim_replica_compare(struct sim_disk *disk, const char *data, struct sim_log *log)
{
	struct comparison c = {.disk = disk, .log = log, .end = sim_log_read_end(log)};

	c.folder = mem_format("%s/%s-%d", data, sim_log_topic(log), sim_log_partition(log));
	sim_disk_folder_list(disk, c.folder, compare_entry, &c);
	mem_free(c.folder);
	return c.compared;
}
