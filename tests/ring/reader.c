/*
 * A reader of the ring, written from FORMAT.md alone: "reader dictionary-1.bin file" prints what the file holds.
 *
 *     ring 0011223344556677
 *     block 5 write 9 flags 1 boot 00112233445566778899aabbccddeeff clock 1000000 wall 1700000000000000000
 *     sample 2000000 flags 3
 *      process "12@3456" "comm" rss=10 threads=1
 *
 * Times are of the boot clock, in ns; what is no printable ASCII stands as \xNN. What is wrong is said in the text too.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PIECE = 1 << 20, HEADER = 80, TRAILER = 4, KEY = 1, OPEN = 2 };
enum { TABLE = 1, SAMPLE, ATTRIBUTES, END, EVENT, KMSG };

struct bytes {
	const uint8_t *at;
	size_t size;
};

struct block {
	uint8_t version, flags, encoding, boot[16], *payload;
	uint32_t raw, number;
	uint64_t ring, write, clock, wall;
	struct bytes stored;
};

struct table {
	uint64_t number;
	struct bytes name, columns; /* the names of the columns, a space between them */
	size_t count;
};

struct row {
	size_t table, first; /* where its table is, and the first of its cells */
	struct bytes key, label;
};

struct cell {
	bool present;
	uint64_t value; /* two's complement */
};

/* What a block goes on with from the block before. Strings point into payloads; those are never freed. */
static struct table *tables;
static struct row *rows;
static struct cell *cells;
static size_t table_count, row_count, cell_count;

static void fail(const char *what)
{
	fprintf(stderr, "reader: %s\n", what);
	exit(2);
}

/* Makes room for one item more: the room is always the next power of two. */
static void *grown(void *items, size_t count, size_t size)
{
	size_t room = count ? count * 2 : 1;
	if (!(count & (count - 1)) && !(items = room > SIZE_MAX / size ? NULL : realloc(items, room * size)))
		fail("out of memory");
	return items;
}

static uint64_t little(const uint8_t *at, int size)
{
	uint64_t value = 0;
	while (size--)
		value = value << 8 | at[size];
	return value;
}

/* All that take something return false if it is not there. */
static bool take_bytes(struct bytes *from, uint64_t size, struct bytes *piece)
{
	if (size > from->size)
		return false;
	*piece = (struct bytes){from->at, (size_t)size};
	*from = (struct bytes){from->at + size, from->size - (size_t)size};
	return true;
}

static bool take_varint(struct bytes *from, uint64_t *value)
{
	struct bytes byte;
	*value = 0;
	for (unsigned shift = 0; shift < 70 && take_bytes(from, 1, &byte); shift += 7) {
		*value |= (uint64_t)(*byte.at & 127) << shift;
		if (*byte.at < 128 || shift == 63)
			return shift < 63 || *byte.at < 2;
	}
	return false;
}

static bool take_string(struct bytes *from, struct bytes *piece)
{
	uint64_t size;
	return take_varint(from, &size) && take_bytes(from, size, piece);
}

/* Takes what stands before the next space, and the space. */
static struct bytes take_word(struct bytes *from)
{
	const uint8_t *space = from->size ? memchr(from->at, ' ', from->size) : NULL;
	struct bytes word, blank;
	take_bytes(from, space ? (size_t)(space - from->at) : from->size, &word);
	take_bytes(from, space != NULL, &blank);
	return word;
}

static void print_text(const char *before, struct bytes text, const char *after)
{
	fputs(before, stdout);
	for (size_t i = 0; i < text.size; i++)
		printf(text.at[i] < 32 || text.at[i] > 126 || strchr("\"\\", text.at[i]) ? "\\x%02x" : "%c", text.at[i]);
	fputs(after, stdout);
}

static bool find_table(uint64_t number, size_t *index)
{
	for (*index = table_count; *index > 0;)
		if (tables[--*index].number == number)
			return true;
	return false;
}

static bool read_table(struct bytes body)
{
	struct table table = {0};
	if (!take_varint(&body, &table.number))
		return false;
	table.name = take_word(&body);
	table.columns = body;
	for (; body.size; table.count++)
		take_word(&body);
	tables = grown(tables, table_count, sizeof *tables);
	tables[table_count++] = table;
	return true;
}

static bool introduce_row(struct bytes *body)
{
	struct row row = {.first = cell_count};
	uint64_t number;
	if (!take_varint(body, &number) || !find_table(number, &row.table) || !take_string(body, &row.key) ||
	    !take_string(body, &row.label))
		return false;
	for (; cell_count < row.first + tables[row.table].count; cell_count++) {
		cells = grown(cells, cell_count, sizeof *cells);
		cells[cell_count] = (struct cell){false, 0};
	}
	rows = grown(rows, row_count, sizeof *rows);
	rows[row_count++] = row;
	return true;
}

static bool update_row(struct bytes *body, const struct row *row, bool introduced)
{
	size_t count = tables[row->table].count;
	struct bytes mask;
	uint64_t value, sum;
	if (!take_bytes(body, (count + 7) / 8, &mask) || (count % 8 && mask.at[count / 8] >> (count % 8)))
		return false;
	for (size_t i = 0; i < count; i++) {
		struct cell *cell = &cells[row->first + i];
		if (!(mask.at[i / 8] >> (i % 8) & 1))
			continue;
		if (!take_varint(body, &value) || !(introduced || cell->present))
			return false;
		value = value >> 1 ^ (0 - (value & 1)), sum = cell->value + value;
		if (((sum ^ value) & (sum ^ cell->value)) >> 63) /* beyond 64 bits */
			return false;
		*cell = (struct cell){true, sum};
	}
	return true;
}

static void print_row(const struct row *row)
{
	struct bytes columns = tables[row->table].columns;
	print_text(" ", tables[row->table].name, " \"");
	print_text("", row->key, "\" \"");
	print_text("", row->label, "\"");
	for (const struct cell *cell = cells + row->first; columns.size; cell++) {
		struct bytes column = take_word(&columns);
		if (cell->present) {
			print_text(" ", column, cell->value >> 63 ? "=-" : "=");
			printf("%" PRIu64, cell->value >> 63 ? 0 - cell->value : cell->value);
		}
	}
	putchar('\n');
}

static bool read_sample(struct bytes body, uint64_t time)
{
	struct bytes flags;
	if (!take_bytes(&body, 1, &flags))
		return false;
	printf("sample %" PRIu64 " flags %u\n", time, *flags.at);
	while (body.size) {
		uint64_t row; /* counted from 1 */
		if (!take_varint(&body, &row) || row > row_count || (!row && !introduce_row(&body)) ||
		    !update_row(&body, &rows[(row ? row : row_count) - 1], !row))
			return false;
		print_row(&rows[(row ? row : row_count) - 1]);
	}
	return true;
}

/* Is this nothing but strings, and so many of them or twice, three times … as many? */
static bool are_strings(struct bytes from, unsigned several)
{
	struct bytes string;
	unsigned count = 0;
	for (; from.size; count++)
		if (!take_string(&from, &string))
			return false;
	return count % several == 0;
}

static bool read_pairs(uint64_t kind, struct bytes body, uint64_t time)
{
	struct bytes key, name, value;
	uint64_t number;
	size_t table = 0;
	if ((kind != EVENT && !(take_varint(&body, &number) && find_table(number, &table))) ||
	    !take_string(&body, &key) || !are_strings(body, 2))
		return false;
	printf("%s %" PRIu64, kind == EVENT ? "event" : kind == END ? "end" : "attributes", time);
	if (kind != EVENT)
		print_text(" ", tables[table].name, "");
	print_text(" \"", key, "\"");
	while (take_string(&body, &name) && take_string(&body, &value)) {
		print_text(" \"", name, "\"=");
		print_text("\"", value, "\"");
	}
	return putchar('\n') == '\n';
}

static bool read_kmsg(struct bytes body, uint64_t time)
{
	struct bytes text;
	bool good = are_strings(body, 1);
	while (good && take_string(&body, &text)) {
		printf("kmsg %" PRIu64 " ", time);
		print_text("\"", text, "\"\n");
	}
	return good;
}

/* Moves the time to that of the last record. Returns how many records cannot be decoded. */
static unsigned read_payload(struct bytes payload, uint64_t *time, bool *rows_known)
{
	unsigned wrong = 0;
	while (payload.size) {
		uint64_t kind, size, passed;
		struct bytes body;
		bool good = take_varint(&payload, &kind) && take_varint(&payload, &size) &&
			    take_bytes(&payload, size, &body) && take_varint(&body, &passed);
		if (!good) {
			*rows_known = false;
			return wrong + 1;
		}
		*time += passed * 1000000;
		if (kind == EVENT || ((kind == ATTRIBUTES || kind == END) && *rows_known))
			good = read_pairs(kind, body, *time);
		else if (kind == KMSG)
			good = read_kmsg(body, *time);
		else if ((kind == TABLE || kind == SAMPLE) && *rows_known)
			*rows_known = good = kind == TABLE ? read_table(body) : read_sample(body, *time);
		wrong += !good;
	}
	return wrong;
}

static bool unpack(struct block *block, struct bytes dictionary)
{
	z_stream stream = {0};
	if (block->raw > 32768 * 1032 || block->encoding > 1) /* deflate makes at most 1032 bytes of one */
		return false;
	block->payload = grown(NULL, 0, block->raw + 1u);
	if (block->encoding == 0 && block->stored.size == block->raw) {
		memcpy(block->payload, block->stored.at, block->raw);
		return true;
	}
	if (block->encoding == 0 || inflateInit2(&stream, -15) != Z_OK)
		return false;
	stream.next_in = (Bytef *)block->stored.at;
	stream.avail_in = (uInt)block->stored.size;
	stream.next_out = block->payload;
	stream.avail_out = block->raw + 1u; /* so that more than there should be is noticed */
	inflateSetDictionary(&stream, dictionary.at, (uInt)dictionary.size);
	int result = inflate(&stream, Z_SYNC_FLUSH);
	inflateEnd(&stream);
	return (result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR) && stream.total_out == block->raw;
}

/* Returns the size of the block, of whatever version, that begins here; 1 if none does. */
static size_t parse(struct bytes from, struct block *block)
{
	const uint8_t *at = from.at;
	if (from.size < HEADER || memcmp(at, "lastgasp", 8) || at[11] < 12 || at[11] > 15)
		return 1;
	size_t size = (size_t)1 << at[11], stored = (size_t)little(at + 12, 4);
	if (size > from.size || crc32(0, at, (uInt)(size - TRAILER)) != little(at + size - TRAILER, TRAILER))
		return 1;
	*block = (struct block){at[8], at[9], at[10], {0}, NULL, (uint32_t)little(at + 16, 4),
		(uint32_t)little(at + 20, 4), little(at + 24, 8), little(at + 32, 8), little(at + 64, 8),
		little(at + 72, 8), {at + HEADER, stored}};
	memcpy(block->boot, at + 48, sizeof block->boot);
	return block->version > 1 || (block->version == 1 && stored <= size - HEADER - TRAILER) ? size : 1;
}

/* By ring, then by number; of one number the highest write first. */
static int compare(const void *one, const void *other)
{
	const struct block *a = one, *b = other;
	if (a->ring == b->ring && a->number == b->number)
		return (a->write < b->write) - (a->write > b->write);
	return a->ring < b->ring || (a->ring == b->ring && a->number < b->number) ? -1 : 1;
}

static void print_block(struct block *block, struct bytes dictionary, bool *rows_known, uint64_t *end)
{
	unsigned wrong;
	if (block->flags & KEY)
		*rows_known = true, table_count = row_count = cell_count = 0;
	printf("block %" PRIu32 " write %" PRIu64 " flags %u boot ", block->number, block->write, block->flags);
	for (size_t i = 0; i < sizeof block->boot; i++)
		printf("%02x", block->boot[i]);
	printf(" clock %" PRIu64 " wall %s%" PRIu64 "%s\n", block->clock, block->wall >> 63 ? "-" : "",
	       block->wall >> 63 ? 0 - block->wall : block->wall, *rows_known ? "" : " rows unknown");
	*end = block->clock;
	if (!unpack(block, dictionary)) {
		*rows_known = false;
		puts("a payload that cannot be unpacked");
	} else if ((wrong = read_payload((struct bytes){block->payload, block->raw}, end, rows_known))) {
		printf("%u records that cannot be decoded\n", wrong);
	}
}

static struct bytes read_file(const char *path)
{
	uint8_t *all = NULL;
	size_t size = 0, got = 0;
	FILE *file = fopen(path, "rb");
	do {
		size += got;
		if (!(all = realloc(all, size + PIECE)))
			fail("out of memory");
	} while (file && (got = fread(all + size, 1, PIECE, file)) > 0);
	if (!file || ferror(file) || fclose(file))
		fail("cannot read a file");
	return (struct bytes){all, size};
}

int main(int argc, char **argv)
{
	static struct block *blocks, *last, block;
	static struct bytes dictionary, file;
	uint64_t end = 0; /* of the last block's last record */
	size_t count = 0, newer = 0, size;
	bool known = false;
	if (argc != 3)
		fail("usage: reader dictionary-1.bin file");
	dictionary = read_file(argv[1]), file = read_file(argv[2]);
	if (crc32(0, dictionary.at, (uInt)dictionary.size) != 0xb85e5e95)
		fail("this is not dictionary 1");
	for (struct bytes rest = file; rest.size; rest.at += size, rest.size -= size) {
		size = parse(rest, &block);
		if (size > 1 && block.version == 1) {
			blocks = grown(blocks, count, sizeof *blocks);
			blocks[count++] = block;
		}
		newer += size > 1 && block.version > 1;
	}
	if (newer)
		printf("%zu blocks of a newer version\n", newer);
	qsort(blocks ? blocks : &block, count, sizeof *blocks, compare);
	for (size_t i = 0; i < count; i++) {
		struct block *now = &blocks[i];
		bool first = !last || now->ring != last->ring;
		uint32_t step = first ? 0 : now->number - last->number;
		if (!first && !step)
			continue;
		if (first)
			printf("ring %016" PRIx64 "\n", now->ring);
		else if (step > 1)
			printf("missing %" PRIu32 " to %" PRIu32 "\n", last->number + 1, now->number - 1);
		known = known && step == 1 && (!(last->flags & OPEN) || end == now->clock);
		print_block(now, dictionary, &known, &end);
		last = now;
	}
	return fflush(stdout) ? 2 : 0;
}
