/* Owns contents and names of a simulated disk. */
#include "sim/sim_node.h"

#include "base/mem.h"

#include <string.h>

/* ---- contents ---- */

int64_t sim_pages_of(int64_t size)
{
	return (size + SIM_PAGE_BYTES - 1) / SIM_PAGE_BYTES;
}

void sim_content_grow(struct sim_content *content, int64_t size)
{
	int64_t capacity = content->capacity ? content->capacity : SIM_PAGE_BYTES;

	while (capacity < size)
		capacity *= 2;
	if (capacity == content->capacity)
		return;
	content->bytes = mem_resize(content->bytes, (size_t)capacity);
	memset(content->bytes + content->capacity, 0, (size_t)(capacity - content->capacity));
	content->capacity = capacity;
}

void sim_content_cut(struct sim_content *content, int64_t size)
{
	if (size < content->size)
		memset(content->bytes + size, 0, (size_t)(content->size - size));
	sim_content_grow(content, size);
	content->size = size;
}

void sim_content_copy(struct sim_content *to, const struct sim_content *from)
{
	sim_content_cut(to, 0);
	sim_content_cut(to, from->size);
	if (from->size > 0)
		memcpy(to->bytes, from->bytes, (size_t)from->size);
}

void sim_content_copy_page(struct sim_content *to, const struct sim_content *from, int64_t page)
{
	int64_t at = page * SIM_PAGE_BYTES;

	sim_content_grow(to, at + SIM_PAGE_BYTES);
	if (at + SIM_PAGE_BYTES <= from->capacity)
		memcpy(to->bytes + at, from->bytes + at, SIM_PAGE_BYTES);
	else
		memset(to->bytes + at, 0, SIM_PAGE_BYTES);
}

/* ---- nodes and names ---- */

struct sim_node *sim_node_new(bool is_folder)
{
	struct sim_node *node = mem_alloc(sizeof(*node));

	node->is_folder = is_folder;
	node->references = 1;
	node->truncated_at = INT64_MAX;
	return node;
}

struct sim_node *sim_node_ref(struct sim_node *node)
{
	node->references++;
	return node;
}

void sim_names_done(struct sim_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		mem_free(names->entries[i].name);
		sim_node_unref(names->entries[i].node);
	}
	mem_free(names->entries);
	*names = (struct sim_names){0};
}

void sim_folder_forget_changes(struct sim_node *folder)
{
	for (size_t i = 0; i < folder->change_count; i++) {
		mem_free(folder->changes[i].gone);
		mem_free(folder->changes[i].name);
		sim_node_unref(folder->changes[i].node);
	}
	mem_free(folder->changes);
	folder->changes = NULL;
	folder->change_count = 0;
}

void sim_node_unref(struct sim_node *node)
{
	if (!node || --node->references > 0)
		return;
	sim_names_done(&node->names_now);
	sim_names_done(&node->names_kept);
	sim_folder_forget_changes(node);
	mem_free(node->now.bytes);
	mem_free(node->kept.bytes);
	mem_free(node->pages);
	mem_free(node);
}

/* Where name is, or should be. */
static size_t names_place(const struct sim_names *names, const char *name)
{
	size_t place = 0;

	while (place < names->count && strcmp(names->entries[place].name, name) < 0)
		place++;
	return place;
}

static struct sim_node *names_get(const struct sim_names *names, const char *name)
{
	size_t place = names_place(names, name);

	return place < names->count && strcmp(names->entries[place].name, name) == 0
		       ? names->entries[place].node
		       : NULL;
}

static void names_remove(struct sim_names *names, const char *name)
{
	size_t place = names_place(names, name);

	if (!names_get(names, name))
		return;
	mem_free(names->entries[place].name);
	sim_node_unref(names->entries[place].node);
	names->count--;
	memmove(names->entries + place, names->entries + place + 1,
		(names->count - place) * sizeof(*names->entries));
}

static void names_put(struct sim_names *names, const char *name, struct sim_node *node)
{
	size_t place;

	sim_node_ref(node); /* before a node that it replaces may go */
	names_remove(names, name);
	place = names_place(names, name);
	names->entries = mem_resize(names->entries, (names->count + 1) * sizeof(*names->entries));
	memmove(names->entries + place + 1, names->entries + place,
		(names->count - place) * sizeof(*names->entries));
	names->entries[place] = (struct sim_entry){.name = mem_string(name), .node = node};
	names->count++;
}

void sim_names_copy(struct sim_names *to, const struct sim_names *from)
{
	sim_names_done(to);
	for (size_t i = 0; i < from->count; i++)
		names_put(to, from->entries[i].name, from->entries[i].node);
}

void sim_names_change(struct sim_names *names, const struct sim_change *change)
{
	if (change->name)
		names_put(names, change->name, change->node);
	if (change->gone)
		names_remove(names, change->gone);
}

void sim_folder_change(struct sim_node *folder, const char *gone, const char *name,
		       struct sim_node *node)
{
	struct sim_change change = {mem_string(gone), mem_string(name),
				    node ? sim_node_ref(node) : NULL};

	sim_names_change(&folder->names_now, &change);
	folder->changes = mem_resize(folder->changes, (folder->change_count + 1) * sizeof(change));
	folder->changes[folder->change_count++] = change;
}

/* Finds the folder that path lies in and its last part, which is the caller's to free. */
struct sim_node *sim_node_find_parent(struct sim_node *root, const char *path, char **ret_name)
{
	char *copy = mem_string(path), *rest = copy, *part, *last = NULL;
	struct sim_node *folder = root;

	while (folder && (part = strsep(&rest, "/"))) {
		if (*part == '\0' || strcmp(part, ".") == 0)
			continue;
		if (last)
			folder = names_get(&folder->names_now, last);
		if (folder && !folder->is_folder)
			folder = NULL;
		last = part;
	}
	*ret_name = mem_string(last ? last : ".");
	mem_free(copy);
	return folder;
}

struct sim_node *sim_node_find(struct sim_node *root, const char *path)
{
	char *name;
	struct sim_node *folder = sim_node_find_parent(root, path, &name);
	struct sim_node *node = NULL;

	if (folder)
		node = strcmp(name, ".") == 0 ? root : names_get(&folder->names_now, name);
	mem_free(name);
	return node;
}
