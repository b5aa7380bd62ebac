/* libnotes.so.1: keeps a note of each request in an arena in its own data segment, and frees none of them. */
#include <cstddef>
#include <cstring>

namespace {

constexpr std::size_t ROOM = 24u << 20, NOTE = 1024;
char arena[ROOM] = {1};
std::size_t used = 0;

}  // namespace

extern "C" void notes_add(const char *text, std::size_t length)
{
	if (used + NOTE > ROOM)
		return;
	std::memset(arena + used, ' ', NOTE);
	std::memcpy(arena + used, text, length < NOTE ? length : NOTE);
	used += NOTE;
}
