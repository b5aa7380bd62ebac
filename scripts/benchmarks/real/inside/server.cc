/*
 * A server on the loopback interface in C++: NAME PORT BEHAVIOUR; one line is a request, one line the answer.
 *
 *     leak       each request appends a few strings to a history that nobody ever reads (std::vector)
 *     arena      each request is noted down by libnotes.so.1, in an arena of its own that it never frees
 *     sessions   each connection has 48 kB of its own for as long as it lasts
 */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

extern "C" void notes_add(const char *text, std::size_t length);

namespace {

struct Request {
	std::string address, path, agent;
	std::vector<std::uint32_t> timings;
};

struct Session {
	std::vector<char> scratch = std::vector<char>(48 * 1024, 1);
};

std::vector<std::unique_ptr<Request>> history;

void remember(const std::string &line)
{
	auto request = std::make_unique<Request>();
	request->address = "198.51.100.17:" + line;
	request->path = "/api/v1/measurements/" + std::string(180, 'm') + line;
	request->agent = "sensor-gateway/2.4 (armv7l) " + std::string(60, 'a');
	request->timings.assign(64, static_cast<std::uint32_t>(line.size()));
	history.push_back(std::move(request));
}

int listening(int port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
	sockaddr_in address{};
	address.sin_family = AF_INET;
	address.sin_port = htons(static_cast<std::uint16_t>(port));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, reinterpret_cast<sockaddr *>(&address), sizeof(address)) || listen(fd, 64))
		std::exit(1);
	return fd;
}

}  // namespace

int main(int count, char **words)
{
	if (count < 3)
		return 2;
	const std::string behaviour = words[2];
	const int entrance = listening(std::atoi(words[1]));
	std::map<int, Session> sessions;
	std::vector<pollfd> watched{{entrance, POLLIN, 0}};
	for (;;) {
		if (poll(watched.data(), watched.size(), -1) < 0)
			return 1;
		std::vector<pollfd> next{{entrance, POLLIN, 0}};
		if (watched[0].revents & POLLIN) {
			const int fd = accept(entrance, nullptr, nullptr);
			if (fd >= 0) {
				next.push_back({fd, POLLIN, 0});
				if (behaviour == "sessions")
					sessions[fd];
			}
		}
		for (std::size_t i = 1; i < watched.size(); i++) {
			const int fd = watched[i].fd;
			char line[256];
			ssize_t got = 1;
			if (watched[i].revents) {
				got = read(fd, line, sizeof(line));
				if (got > 0 && behaviour == "leak")
					remember(std::string(line, static_cast<std::size_t>(got)));
				if (got > 0 && behaviour == "arena")
					notes_add(line, static_cast<std::size_t>(got));
				if (got > 0 && write(fd, "ok\n", 3) != 3)
					got = 0;
			}
			if (got > 0) {
				next.push_back({fd, POLLIN, 0});
			} else {
				sessions.erase(fd);
				close(fd);
			}
		}
		watched.swap(next);
	}
}
