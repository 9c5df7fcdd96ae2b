/* The quorum's driver on real files: up to three of them on one loop, and a network that is a list
 * of messages in this process. */
#include "quorum/quorum.h"

#include "base/mem.h"
#include "os/os_env.h"
#include "plog/plog.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <utlist.h>

enum { NODES = 3, MOST_APPLIED = 4096, PATIENCE_US = 20 * 1000 * 1000 };

struct fixture;

struct node {
	struct fixture *fixture;
	int id;
	char folder[200];
	struct quorum *quorum;
	bool cut_off;
	bool leads;
	int32_t epoch;
	const char *fatal;
	int applied[MOST_APPLIED];
	int applied_count;
	int64_t next_offset; /* no batch may begin before it */
};

struct letter {
	struct quorum_message message;
	struct letter *next;
	uint8_t records[];
};

struct fixture {
	struct os_process *process;
	struct env *env;
	struct env_ops ops; /* a copy, to let calls fail */
	const struct env_ops *real_ops;
	char *folder;
	struct node nodes[NODES];
	int voters;
	struct letter *letters;
	int votes_sent;
};

/* ---- what a quorum calls ---- */

static void send_letter(void *context, const struct quorum_message *m)
{
	struct node *from = context;
	struct letter *letter = mem_alloc(sizeof(*letter) + m->records_size);

	letter->message = *m;
	letter->message.records = letter->records;
	if (m->records_size)
		memcpy(letter->records, m->records, m->records_size);
	from->fixture->votes_sent += m->type == QUORUM_VOTE_RESPONSE && m->granted;
	LL_APPEND(from->fixture->letters, letter);
}

static void apply(void *context, const struct batch *batch)
{
	struct node *n = context;
	struct reader records = batch_records(batch);
	struct batch_record record;

	assert_int_equal(batch->attributes & BATCH_CONTROL, 0);
	assert_true(batch->base_offset >= n->next_offset);
	n->next_offset = batch_last_offset(batch) + 1;
	while (batch_next_record(batch, &records, &record) == BATCH_OK) {
		assert_true(n->applied_count < MOST_APPLIED);
		assert_int_equal(record.value_size, sizeof(int));
		memcpy(&n->applied[n->applied_count++], record.value, sizeof(int));
	}
}

static void leadership(void *context, bool leads, int32_t epoch)
{
	struct node *n = context;

	n->leads = leads;
	n->epoch = epoch;
}

static void leader_changed(void *context, int32_t leader_id, int32_t epoch)
{
	(void)context;
	(void)leader_id;
	(void)epoch;
}

static void want_evidence(void *context, int32_t node_id)
{
	(void)context;
	(void)node_id;
}

static void fatal(void *context, const char *sentence)
{
	struct node *n = context;

	assert_null(n->fatal);
	n->fatal = sentence;
}

/* ---- the fixture ---- */

static void discard_line(struct log *log, enum log_level level, const char *line)
{
	(void)log;
	(void)level;
	(void)line;
}

static struct log silence = {.write = discard_line, .level = LOG_ERROR};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));
	struct os_options options = {.log = &silence};
	const char *base = getenv("TMPDIR");

	f->folder = mem_format("%s/bellwether-quorum-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(f->folder));
	assert_int_equal(os_process_new(&options, 1, &f->process), 0);
	f->env = os_process_env(f->process, 0);
	f->real_ops = f->env->ops;
	f->ops = *f->env->ops;
	for (int i = 0; i < NODES; i++) {
		f->nodes[i].fixture = f;
		f->nodes[i].id = i;
		snprintf(f->nodes[i].folder, sizeof(f->nodes[i].folder), "%s/%d", f->folder, i);
	}
	*state = f;
	return 0;
}

static void drop_letters(struct fixture *f)
{
	struct letter *letter, *next;

	LL_FOREACH_SAFE (f->letters, letter, next)
		mem_free(letter);
	f->letters = NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char *command = mem_format("rm -r '%s'", f->folder);
	int rc;

	f->env->ops = f->real_ops;
	for (int i = 0; i < NODES; i++)
		quorum_close(f->nodes[i].quorum);
	for (int i = 0; i < 10; i++)
		os_process_turn(f->process, 1000);
	drop_letters(f);
	os_process_free(f->process);
	rc = system(command);
	mem_free(command);
	mem_free(f->folder);
	mem_free(f);
	return rc;
}

static int open_node(struct fixture *f, int i)
{
	struct node *n = &f->nodes[i];
	struct quorum_callbacks callbacks = {
		.context = n,
		.send = send_letter,
		.apply = apply,
		.leadership = leadership,
		.leader_changed = leader_changed,
		.want_evidence = want_evidence,
		.fatal = fatal,
	};
	struct quorum_options options = {
		.node_id = i,
		.directory_id = {{(uint8_t)(i + 1)}},
		.folder = n->folder,
		.voter_count = f->voters,
		.election_timeout_us = 1000 * 1000,
		.fetch_wait_us = 50 * 1000,
	};

	for (int v = 0; v < f->voters; v++)
		options.voters[v] = (struct quorum_voter){v, {{(uint8_t)(v + 1)}}};
	n->applied_count = 0;
	n->next_offset = 0;
	n->fatal = NULL;
	n->leads = false;
	return quorum_open(f->env, &options, &callbacks, false, &n->quorum);
}

static void start(struct fixture *f, int voters)
{
	f->voters = voters;
	for (int i = 0; i < voters; i++) {
		assert_int_equal(quorum_format(f->env, f->nodes[i].folder, NULL, 0), 0);
		assert_int_equal(open_node(f, i), 0);
	}
}

static void close_node(struct fixture *f, int i)
{
	quorum_close(f->nodes[i].quorum);
	f->nodes[i].quorum = NULL;
}

static void deliver(struct fixture *f)
{
	struct letter *letter = f->letters, *next;

	f->letters = NULL;
	for (; letter; letter = next) {
		struct node *from = &f->nodes[letter->message.from];
		struct node *to = &f->nodes[letter->message.to];

		next = letter->next;
		if (to->quorum && !to->cut_off && !from->cut_off)
			quorum_receive(to->quorum, &letter->message);
		mem_free(letter);
	}
}

#define TURN_UNTIL(f, condition)                                                                   \
	do {                                                                                       \
		uint64_t turn_end_ = env_now_us((f)->env) + PATIENCE_US;                           \
		bool turn_held_;                                                                   \
		while (!(turn_held_ = (condition)) && env_now_us((f)->env) < turn_end_) {          \
			os_process_turn((f)->process, (f)->letters ? 0 : 50000);                   \
			deliver(f);                                                                \
		}                                                                                  \
		if (!turn_held_)                                                                   \
			fail_msg("in vain: %s", #condition);                                       \
	} while (0)

static struct node *leader(struct fixture *f)
{
	for (int i = 0; i < f->voters; i++)
		if (f->nodes[i].leads && !f->nodes[i].cut_off)
			return &f->nodes[i];
	return NULL;
}

struct proposed {
	struct quorum_proposal proposal;
	int64_t result;
	bool done;
};

static void note_done(struct quorum_proposal *proposal, int64_t offset)
{
	struct proposed *p = (struct proposed *)proposal;

	assert_false(p->done);
	p->done = true;
	p->result = offset;
}

static int64_t propose_in(struct node *n, int32_t epoch, struct proposed *p, int value)
{
	static const char padding[1000]; /* 3,000 of these do not fit one answer of 1 MiB */
	struct buffer bytes = {0};
	struct batch_builder builder;
	int64_t offset;

	*p = (struct proposed){.proposal.done = note_done};
	batch_begin(&builder, &bytes, 0, 1);
	batch_add(&builder, padding, sizeof(padding), &value, sizeof(value));
	batch_end(&builder);
	offset = quorum_propose(n->quorum, epoch, bytes.data, bytes.size, &p->proposal);
	buffer_done(&bytes);
	return offset;
}

static int64_t propose(struct node *n, struct proposed *p, int value)
{
	return propose_in(n, n->epoch, p, value);
}

static bool all_applied(const struct fixture *f, int count)
{
	for (int i = 0; i < f->voters; i++)
		if (f->nodes[i].quorum && f->nodes[i].applied_count < count)
			return false;
	return true;
}

/* ---- one voter ---- */

static void a_single_voter_commits_and_applies(void **state)
{
	struct fixture *f = *state;
	struct node *n = &f->nodes[0];
	struct proposed p[3];

	start(f, 1);
	TURN_UNTIL(f, n->leads);
	assert_int_equal(propose_in(n, n->epoch + 1, &p[0], 1), -ESTALE);
	assert_int_equal(propose(n, &p[0], 1), 1); /* the leader change stands at 0 */
	assert_int_equal(propose(n, &p[1], 2), 2);
	assert_int_equal(propose(n, &p[2], 3), 3);
	assert_false(p[2].done);
	TURN_UNTIL(f, p[2].done);
	assert_int_equal(p[0].result, 1);
	assert_int_equal(p[2].result, 3);
	assert_int_equal(n->applied_count, 3);
	assert_int_equal(n->applied[2], 3);
}

static void r50_a_restart_applies_everything_once_more_in_a_new_epoch(void **state)
{
	struct fixture *f = *state;
	struct node *n = &f->nodes[0];
	struct proposed p;
	int32_t epoch;

	start(f, 1);
	TURN_UNTIL(f, n->leads);
	for (int value = 0; value < 100; value++) {
		propose(n, &p, value);
		TURN_UNTIL(f, p.done);
	}
	epoch = n->epoch;
	close_node(f, 0);
	assert_int_equal(open_node(f, 0), 0);
	TURN_UNTIL(f, n->leads);
	assert_int_equal(n->epoch, epoch + 1);
	assert_int_equal(n->applied_count, 100);
	for (int value = 0; value < 100; value++)
		assert_int_equal(n->applied[value], value);
}

static void formatting_gives_the_first_records_and_happens_once(void **state)
{
	struct fixture *f = *state;
	struct node *n = &f->nodes[0];
	struct buffer bytes = {0};
	struct batch_builder builder;
	int value = 42;

	batch_begin(&builder, &bytes, 0, 1);
	builder.header.leader_epoch = 0;
	batch_add(&builder, NULL, 0, &value, sizeof(value));
	batch_end(&builder);
	assert_int_equal(quorum_format(f->env, n->folder, bytes.data, bytes.size), 0);
	assert_int_equal(quorum_format(f->env, n->folder, bytes.data, bytes.size), -EEXIST);
	buffer_done(&bytes);
	f->voters = 1;
	assert_int_equal(open_node(f, 0), 0);
	TURN_UNTIL(f, n->leads);
	assert_int_equal(n->applied_count, 1);
	assert_int_equal(n->applied[0], 42);
}

/* ---- what is lost or broken ---- */

static void r50_a_damaged_vote_file_takes_the_vote_away(void **state)
{
	struct fixture *f = *state;
	struct quorum_description description;
	char *path = mem_format("%s/quorum-state", f->nodes[0].folder);
	int fd;

	start(f, 1);
	TURN_UNTIL(f, f->nodes[0].leads);
	close_node(f, 0);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "\xff", 1, 7), 1); /* its epoch */
	close(fd);
	mem_free(path);
	assert_int_equal(open_node(f, 0), 0);
	for (int i = 0; i < 5; i++)
		os_process_turn(f->process, 1000);
	quorum_describe(f->nodes[0].quorum, &description);
	assert_int_equal(description.leader_id, -1);
	assert_false(description.leads);
}

static void r52_a_log_that_does_not_begin_at_zero_is_refused(void **state)
{
	static const struct uuid topic = {{[15] = 1}};
	static const struct plog_options options = {
		.segment_bytes = 1 << 20,
		.index_interval_bytes = 4096,
		.producer_expiry_ms = 1000,
	};
	struct fixture *f = *state;
	struct plog_opening opening;
	struct plog *log;

	start(f, 1);
	TURN_UNTIL(f, f->nodes[0].leads);
	close_node(f, 0);
	assert_int_equal(plog_open(f->env, f->nodes[0].folder, topic, &options, true, &opening,
				   &log), 0);
	assert_int_equal(plog_reset(log, 5), 0);
	assert_int_equal(plog_close_clean(log), 0);
	assert_int_equal(open_node(f, 0), -EBADMSG);
	assert_null(f->nodes[0].quorum);
}

static int write_fails(struct env *env, struct env_file *file, const struct iovec *pieces,
		       int count, int64_t position)
{
	(void)env;
	(void)file;
	(void)pieces;
	(void)count;
	(void)position;
	return -ENOSPC;
}

static int sync_fails(struct env *env, struct env_file *file)
{
	(void)env;
	(void)file;
	return -EIO;
}

static void r46_a_failed_write_is_fatal_and_nothing_is_committed_after_it(void **state)
{
	struct fixture *f = *state;
	struct node *n = &f->nodes[0];
	struct proposed first, second;

	start(f, 1);
	TURN_UNTIL(f, n->leads);
	f->ops.file_write = write_fails;
	f->env->ops = &f->ops;
	propose(n, &first, 1);
	TURN_UNTIL(f, n->fatal);
	f->env->ops = f->real_ops;
	assert_int_equal(propose(n, &second, 2), -ESTALE);
	os_process_turn(f->process, 1000);
	assert_false(first.done);
	close_node(f, 0);
	assert_int_equal(first.result, -ECANCELED);
}

static void r49_no_vote_leaves_when_the_vote_file_cannot_be_synced(void **state)
{
	struct fixture *f = *state;
	struct quorum_message request = {
		.type = QUORUM_VOTE_REQUEST, .from = 1, .to = 0, .epoch = 9, .leader_id = -1,
		.from_directory = {{2}}, .to_directory = {{1}}, .last_epoch = 8, .end_offset = 100,
	};

	start(f, 3);
	f->ops.file_sync = sync_fails;
	f->env->ops = &f->ops;
	quorum_receive(f->nodes[0].quorum, &request);
	f->env->ops = f->real_ops;
	assert_non_null(f->nodes[0].fatal);
	assert_int_equal(f->votes_sent, 0);
}

/* ---- three voters ---- */

static void three_voters_apply_the_same(void **state)
{
	struct fixture *f = *state;
	struct proposed p[50];

	start(f, 3);
	TURN_UNTIL(f, leader(f));
	for (int i = 0; i < 50; i++) {
		propose(leader(f), &p[i], i);
		if (i % 7 == 0)
			TURN_UNTIL(f, p[i].done);
	}
	TURN_UNTIL(f, p[49].done && all_applied(f, 50));
	for (int i = 0; i < NODES; i++)
		for (int value = 0; value < 50; value++)
			assert_int_equal(f->nodes[i].applied[value], value);
}

static void tell_of_death(struct fixture *f, const struct node *dead)
{
	for (int i = 0; i < f->voters; i++)
		if (i != dead->id) {
			quorum_disconnected(f->nodes[i].quorum, dead->id);
			quorum_evidence(f->nodes[i].quorum, dead->id, true);
		}
}

static void a_leader_that_is_cut_off_is_replaced_and_its_proposals_are_unknown(void **state)
{
	struct fixture *f = *state;
	struct proposed p, lost;
	struct node *old;

	start(f, 3);
	TURN_UNTIL(f, leader(f));
	propose(leader(f), &p, 1);
	TURN_UNTIL(f, all_applied(f, 1));
	old = leader(f);
	old->cut_off = true;
	propose(old, &lost, 2);
	tell_of_death(f, old);
	TURN_UNTIL(f, leader(f));
	propose(leader(f), &p, 3);
	TURN_UNTIL(f, p.done);
	TURN_UNTIL(f, !old->leads); /* R51 */
	assert_true(lost.done);
	assert_int_equal(lost.result, -ECANCELED);
	old->cut_off = false;
	TURN_UNTIL(f, all_applied(f, 2)); /* it truncates what was never committed */
	assert_int_equal(old->applied_count, 2);
	assert_int_equal(old->applied[1], 3);
	assert_null(old->fatal);
}

static void a_voter_that_was_away_catches_up_over_many_answers(void **state)
{
	enum { MANY = 3000 };
	struct fixture *f = *state;
	struct proposed *p = mem_alloc(MANY * sizeof(*p));
	int away;

	start(f, 3);
	TURN_UNTIL(f, leader(f));
	away = (leader(f)->id + 1) % NODES;
	close_node(f, away);
	for (int i = 0; i < MANY; i++) {
		propose(leader(f), &p[i], i);
		if (i % 100 == 0)
			TURN_UNTIL(f, p[i].done);
	}
	TURN_UNTIL(f, p[MANY - 1].done);
	assert_int_equal(open_node(f, away), 0);
	TURN_UNTIL(f, all_applied(f, MANY));
	for (int i = 0; i < MANY; i++)
		assert_int_equal(f->nodes[away].applied[i], i);
	mem_free(p);
}

static void a_resigning_leader_is_replaced_without_waiting(void **state)
{
	struct fixture *f = *state;
	struct node *old;

	start(f, 3);
	TURN_UNTIL(f, leader(f));
	old = leader(f);
	quorum_resign(old->quorum);
	assert_false(old->leads);
	TURN_UNTIL(f, leader(f));
	assert_ptr_not_equal(leader(f), old);
}

#define QUORUM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUORUM_TEST(a_single_voter_commits_and_applies),
		QUORUM_TEST(r50_a_restart_applies_everything_once_more_in_a_new_epoch),
		QUORUM_TEST(formatting_gives_the_first_records_and_happens_once),
		QUORUM_TEST(r50_a_damaged_vote_file_takes_the_vote_away),
		QUORUM_TEST(r52_a_log_that_does_not_begin_at_zero_is_refused),
		QUORUM_TEST(r46_a_failed_write_is_fatal_and_nothing_is_committed_after_it),
		QUORUM_TEST(r49_no_vote_leaves_when_the_vote_file_cannot_be_synced),
		QUORUM_TEST(three_voters_apply_the_same),
		QUORUM_TEST(a_leader_that_is_cut_off_is_replaced_and_its_proposals_are_unknown),
		QUORUM_TEST(a_voter_that_was_away_catches_up_over_many_answers),
		QUORUM_TEST(a_resigning_leader_is_replaced_without_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
