// SPDX-License-Identifier: BSD-3-Clause
// Runs a fuzz target once over each file of a corpus folder, without libFuzzer: what once crashed stays
// mended in every build, also where there is no clang.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define INPUT_MAX (1 << 20)

static int replay_file(const char *dir, const char *name, uint8_t *buf) {
	char path[4096];
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -1;
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return -1;
	size_t size = fread(buf, 1, INPUT_MAX, file);
	fclose(file);
	// Exactly as long as the input, so that the sanitizers see a read past its end.
	uint8_t *data = malloc(size > 0 ? size : 1);
	if (data == NULL)
		return -1;
	memcpy(data, buf, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int compare_names(const void *a, const void *b) {
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_inputs(const char *path, char ***names) {
	DIR *dir = opendir(path);
	size_t n = 0;
	*names = NULL;
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		char **more = realloc(*names, (n + 1) * sizeof(**names));
		if (more == NULL)
			break;
		*names = more;
		(*names)[n++] = strdup(entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	if (n > 0)
		qsort(*names, n, sizeof(**names), compare_names);
	return n;
}

int main(int argc, char **argv) {
	if (argc < 2) {
		fprintf(stderr, "usage: %s CORPUS-DIR\n", argv[0]);
		return 2;
	}
	const char *corpus = argv[1];
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);

	char **names;
	size_t n = list_inputs(corpus, &names);
	uint8_t *buf = malloc(INPUT_MAX);
	int failed = n == 0 || buf == NULL;
	for (size_t i = 0; i < n && buf != NULL; i++) {
		int rc = replay_file(corpus, names[i], buf);
		printf("%s %zu - %s\n", rc == 0 ? "ok" : "not ok", i + 1, names[i]);
		fflush(stdout);
		failed |= rc != 0;
		free(names[i]);
	}
	printf("1..%zu\n", n);
	free(names);
	free(buf);
	return failed;
}
