/* What a simulated disk consists of: contents of files, names in folders, each twice, as a process
 * sees it (`now`) and as it lies on disk (`kept`). Known to sim_disk.c alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SIM_PAGE_BYTES = 4096, SIM_PAGE_DIRTY = 1, SIM_PAGE_COLD = 2 };

struct sim_content {    /* a file's content */
	uint8_t *bytes; /* zeros between size and capacity */
	int64_t size;
	int64_t capacity; /* whole pages */
};

struct sim_entry {
	char *name;
	struct sim_node *node;
};

struct sim_names { /* sorted */
	struct sim_entry *entries;
	size_t count;
};

struct sim_change { /* of a folder: `gone` loses its name, `name` becomes node; either may be NULL
		     */
	char *gone;
	char *name;
	struct sim_node *node;
};

struct sim_node {
	bool is_folder;
	unsigned references;
	struct sim_content now, kept;
	uint8_t *pages;       /* flags, for now.capacity */
	int64_t truncated_at; /* lowest size since the last flush; INT64_MAX: none */
	struct sim_names names_now, names_kept;
	struct sim_change *changes;
	size_t change_count;
};

/* ---- contents ---- */

int64_t sim_pages_of(int64_t size);
void sim_content_grow(struct sim_content *content, int64_t size); /* the capacity, not the size */
void sim_content_cut(struct sim_content *content, int64_t size);  /* to a size that may be larger */
void sim_content_copy(struct sim_content *to, const struct sim_content *from);
void sim_content_copy_page(struct sim_content *to, const struct sim_content *from, int64_t page);

/* ---- nodes ---- */

struct sim_node *sim_node_new(bool is_folder); /* with one reference */
struct sim_node *sim_node_ref(struct sim_node *node);
void sim_node_unref(struct sim_node *node); /* NULL is fine */

/* By the names of now; NULL when there is none. */
struct sim_node *sim_node_find(struct sim_node *root, const char *path);
/* The folder that path lies in, and its last part, which is the caller's to free. */
struct sim_node *sim_node_find_parent(struct sim_node *root, const char *path, char **ret_name);

/* ---- names ---- */

void sim_names_done(struct sim_names *names);
void sim_names_copy(struct sim_names *to, const struct sim_names *from);
void sim_names_change(struct sim_names *names, const struct sim_change *change);

/* Changes the folder's names of now, and remembers that for its kept ones. */
void sim_folder_change(struct sim_node *folder, const char *gone, const char *name,
		       struct sim_node *node);
void sim_folder_forget_changes(struct sim_node *folder);
