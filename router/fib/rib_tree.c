// SPDX-License-Identifier: BSD-3-Clause
// pure: no DPDK
#include "router/fib/rib_tree.h"
#include "router/fib/region.h"
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

// child[] is 0 where there is none: node 0 is never used. A node without a value has two children.
struct node {
	uint32_t child[2];
	uint32_t len : 8, value : 24;
	uint32_t key[]; // in host order
};

struct rib_tree {
	uint8_t *nodes;
	unsigned bytes, words, stride;
	uint32_t root;
	uint32_t capacity, fresh, free_head; // nodes
	uint32_t limit, count;               // prefixes
};

struct key {
	uint32_t w[4];
};

INLINE struct node *at(const struct rib_tree *tree, uint32_t index, unsigned words) {
	return (struct node *)(tree->nodes +
		(size_t)index * (sizeof(struct node) + words * sizeof(uint32_t)));
}

static struct key key_of(const struct rib_tree *tree, const uint8_t *addr) {
	struct key key = {0};

	memcpy(key.w, addr, tree->bytes);
	for (unsigned i = 0; i < tree->words; i++)
		key.w[i] = ntohl(key.w[i]);
	return key;
}

static void entry_of(
	const struct rib_tree *tree, const struct node *node, struct rib_entry *entry) {
	memset(entry->addr, 0, sizeof(entry->addr));
	for (unsigned i = 0; i < tree->words; i++) {
		uint32_t word = htonl(node->key[i]);

		memcpy(entry->addr + i * sizeof(word), &word, sizeof(word));
	}
	entry->len = node->len;
	entry->value = node->value;
}

INLINE unsigned bit_of(const uint32_t *key, unsigned i) {
	return key[i / 32] >> (31 - i % 32) & 1;
}

// Leading bits that a and b share.
INLINE unsigned common(const uint32_t *a, const uint32_t *b, unsigned words) {
	for (unsigned i = 0; i < words; i++)
		if (a[i] != b[i])
			return i * 32 + (unsigned)__builtin_clz(a[i] ^ b[i]);
	return words * 32;
}

INLINE bool covers(const struct node *node, const uint32_t *key, unsigned words) {
	return common(node->key, key, words) >= node->len;
}

struct rib_tree *rib_tree_new(unsigned bytes, uint32_t limit) {
	struct rib_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->bytes = bytes;
	tree->words = bytes / sizeof(uint32_t);
	tree->stride = (unsigned)(sizeof(struct node) + bytes);
	tree->limit = limit;
	tree->capacity = 2 * limit + 2;
	tree->fresh = 1;
	tree->nodes = region_new((size_t)tree->capacity * tree->stride, 1);
	if (!tree->nodes) {
		free(tree);
		return NULL;
	}
	return tree;
}

void rib_tree_free(struct rib_tree *tree) {
	if (!tree)
		return;
	region_free(tree->nodes, (size_t)tree->capacity * tree->stride);
	free(tree);
}

uint32_t rib_tree_count(const struct rib_tree *tree) {
	return tree->count;
}

uint64_t rib_tree_bytes(const struct rib_tree *tree) {
	return (uint64_t)tree->fresh * tree->stride;
}

// With n prefixes there are at most 2n - 1 nodes: the limit on prefixes is one on nodes.
static uint32_t node_new(struct rib_tree *tree, const uint32_t *key, unsigned len, uint32_t value) {
	uint32_t index = tree->free_head;
	struct node *node;

	if (index == 0)
		index = tree->fresh++;
	node = at(tree, index, tree->words);
	tree->free_head = index == tree->free_head ? node->child[0] : 0;
	node->child[0] = node->child[1] = 0;
	node->len = len & 0xff;
	node->value = value & RIB_TREE_MAX_VALUE;
	for (unsigned i = 0; i < tree->words; i++) {
		unsigned keep = len <= i * 32 ? 0 : len - i * 32;

		node->key[i] = keep == 0 ? 0 : keep >= 32 ? key[i] : key[i] & ~0u << (32 - keep);
	}
	return index;
}

static void node_free(struct rib_tree *tree, uint32_t index) {
	at(tree, index, tree->words)->child[0] = tree->free_head;
	tree->free_head = index;
}

// ---- finding ----------------------------------------------------------------------------------------------

// The link at which (key, len) is or would be: to the first node on the way that is not a shorter prefix of it.
INLINE const uint32_t *seek(
	const struct rib_tree *tree, const uint32_t *key, unsigned len, unsigned words) {
	const uint32_t *link = &tree->root;

	while (*link) {
		const struct node *node = at(tree, *link, words);

		if (node->len >= len || !covers(node, key, words))
			break;
		link = &node->child[bit_of(key, node->len)];
	}
	return link;
}

static const uint32_t *seek_any(const struct rib_tree *tree, const uint32_t *key, unsigned len) {
	return tree->words == 1 ? seek(tree, key, len, 1) : seek(tree, key, len, 4);
}

static const struct node *exact(const struct rib_tree *tree, const uint32_t *key, unsigned len) {
	uint32_t index = *seek_any(tree, key, len);
	const struct node *node = at(tree, index, tree->words);

	if (index == 0 || node->len != len || !covers(node, key, tree->words))
		return NULL;
	return node;
}

uint32_t rib_tree_get(const struct rib_tree *tree, const uint8_t *addr, unsigned len) {
	struct key key = key_of(tree, addr);
	const struct node *node = exact(tree, key.w, len);

	return node ? node->value : 0;
}

void rib_tree_entry(const struct rib_tree *tree, uint32_t node, struct rib_entry *entry) {
	entry_of(tree, at(tree, node, tree->words), entry);
}

bool rib_tree_match(
	const struct rib_tree *tree, const uint8_t *addr, unsigned len, struct rib_entry *entry) {
	struct key key = key_of(tree, addr);
	const struct node *best = NULL;

	for (uint32_t index = tree->root; index;) {
		const struct node *node = at(tree, index, tree->words);

		if (node->len > len || !covers(node, key.w, tree->words))
			break;
		if (node->value)
			best = node;
		index = node->len < tree->bytes * 8 ? node->child[bit_of(key.w, node->len)] : 0;
	}
	if (best)
		entry_of(tree, best, entry);
	return best != NULL;
}

static bool first_below(const struct rib_tree *tree, uint32_t index, struct rib_entry *entry) {
	const struct node *node = at(tree, index, tree->words);

	if (index == 0)
		return false;
	while (node->value == 0)
		node = at(tree, node->child[0], tree->words);
	entry_of(tree, node, entry);
	return true;
}

bool rib_tree_next(
	const struct rib_tree *tree, const uint8_t *addr, unsigned len, struct rib_entry *entry) {
	uint32_t later = 0; // the nearest subtree that comes after what we are in

	if (addr == NULL)
		return first_below(tree, tree->root, entry);
	struct key key = key_of(tree, addr);
	for (uint32_t index = tree->root; index;) {
		const struct node *node = at(tree, index, tree->words);
		unsigned same = common(node->key, key.w, tree->words);

		if (same < node->len && same < len) {
			if (bit_of(node->key, same))
				return first_below(tree, index, entry);
			break;
		}
		if (node->len > len)
			return first_below(tree, index, entry);
		if (node->len == len) {
			uint32_t child = node->child[0] ? node->child[0] : node->child[1];

			if (child)
				return first_below(tree, child, entry);
			break;
		}
		unsigned bit = bit_of(key.w, node->len);
		if (bit == 0 && node->child[1])
			later = node->child[1];
		index = node->child[bit];
	}
	return first_below(tree, later, entry);
}

// ---- gaps -------------------------------------------------------------------------------------------------

// The last address of the node's prefix.
static struct key end_of(const struct node *node, unsigned words) {
	struct key key = {0};

	for (unsigned i = 0; i < words; i++) {
		unsigned keep = node->len <= i * 32 ? 0 : node->len - i * 32;

		key.w[i] = node->key[i] | (keep >= 32 ? 0 : ~0u >> keep);
	}
	return key;
}

static struct key before(const uint32_t *key, unsigned words) {
	struct key less = {0};

	memcpy(less.w, key, words * sizeof(key[0]));
	for (unsigned i = words; i-- > 0;)
		if (less.w[i]-- != 0)
			break;
	return less;
}

static bool is_less(const uint32_t *a, const uint32_t *b, unsigned words) {
	for (unsigned i = 0; i < words; i++)
		if (a[i] != b[i])
			return a[i] < b[i];
	return false;
}

static void shorten(struct key *last, struct key by, unsigned words) {
	if (is_less(by.w, last->w, words))
		*last = by;
}

void rib_tree_gap(
	const struct rib_tree *tree, const uint8_t *addr, struct rib_entry *entry, uint8_t *out) {
	struct key key = key_of(tree, addr), last = {{~0u, ~0u, ~0u, ~0u}};
	unsigned words = tree->words;

	*entry = (struct rib_entry){0};
	for (uint32_t index = tree->root; index;) {
		const struct node *node = at(tree, index, words);

		if (!covers(node, key.w, words)) {
			if (is_less(key.w, node->key, words))
				shorten(&last, before(node->key, words), words);
			break;
		}
		if (node->value) {
			entry_of(tree, node, entry);
			shorten(&last, end_of(node, words), words);
		}
		if (node->len == tree->bytes * 8)
			break;
		unsigned bit = bit_of(key.w, node->len);
		if (bit == 0 && node->child[1])
			shorten(&last, before(at(tree, node->child[1], words)->key, words), words);
		index = node->child[bit];
	}
	for (unsigned i = 0; i < words; i++) {
		uint32_t word = htonl(last.w[i]);

		memcpy(out + i * sizeof(word), &word, sizeof(word));
	}
}

// ---- changing ---------------------------------------------------------------------------------------------

uint32_t rib_tree_set(struct rib_tree *tree, const uint8_t *addr, unsigned len, uint32_t value) {
	struct key key = key_of(tree, addr);
	uint32_t *link = (uint32_t *)seek_any(tree, key.w, len), old = *link, index, added;
	struct node *node = at(tree, old, tree->words);
	unsigned same = old ? common(node->key, key.w, tree->words) : 0;
	bool is_node = old && node->len == len && same >= len;

	if (!is_node || node->value == 0) {
		if (tree->count == tree->limit)
			return 0;
		tree->count++;
	}
	if (is_node) {
		node->value = value & RIB_TREE_MAX_VALUE;
		return old;
	}
	added = index = node_new(tree, key.w, len, value);
	if (old && same >= len) { // above what is there
		at(tree, index, tree->words)->child[bit_of(node->key, len)] = old;
	} else if (old) { // beside it
		uint32_t fork = node_new(tree, key.w, same, 0);

		at(tree, fork, tree->words)->child[bit_of(node->key, same)] = old;
		at(tree, fork, tree->words)->child[bit_of(key.w, same)] = index;
		index = fork;
	}
	*link = index;
	return added;
}

// A node that has neither a value nor two children is not needed.
static bool splice(struct rib_tree *tree, uint32_t *link) {
	uint32_t index = *link;
	struct node *node = at(tree, index, tree->words);

	if (index == 0 || node->value || (node->child[0] && node->child[1]))
		return false;
	*link = node->child[0] ? node->child[0] : node->child[1];
	node_free(tree, index);
	return true;
}

uint32_t rib_tree_del(struct rib_tree *tree, const uint8_t *addr, unsigned len) {
	struct key key = key_of(tree, addr);
	uint32_t *link = &tree->root, *above = NULL;

	while (*link) {
		struct node *node = at(tree, *link, tree->words);

		if (node->len > len || !covers(node, key.w, tree->words))
			return 0;
		if (node->len == len) {
			uint32_t value = node->value;

			tree->count -= value != 0;
			node->value = 0;
			if (splice(tree, link) && above)
				splice(tree, above);
			return value;
		}
		above = link;
		link = &node->child[bit_of(key.w, node->len)];
	}
	return 0;
}
