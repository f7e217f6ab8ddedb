// fathom serve: the HTTP server and the web page.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "server/server.h"

namespace fathom::cli {
namespace {

struct ServeFlags {
  ModelFlags model;
  ServerOptions server;
};

// Blocks SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under nohup) in this thread and in
// every thread that is made while it lives, so that only SignalWatch receives them.
class SignalBlock {
 public:
  SignalBlock() {
    ::sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) ::sigaddset(&signals_, signal);
    struct sigaction hang_up = {};
    CHECK(::sigaction(SIGHUP, nullptr, &hang_up) == 0);
    if (hang_up.sa_handler != SIG_IGN) ::sigaddset(&signals_, SIGHUP);
    CHECK(::pthread_sigmask(SIG_BLOCK, &signals_, &before_) == 0);
  }
  ~SignalBlock() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;
  const sigset_t& signals() const { return signals_; }

 private:
  sigset_t signals_ = {};
  sigset_t before_ = {};
};

// Waits for a blocked signal on a thread of its own and stops the server; a second one ends the
// process at once. Must not outlive the server.
class SignalWatch {
 public:
  SignalWatch(const SignalBlock& block, Server& server)
      : waiter_([this, signals = block.signals(), &server] { Wait(signals, server); }) {}
  ~SignalWatch() {
    leaving_ = true;
    ::pthread_kill(waiter_.native_handle(), SIGUSR1);
    waiter_.join();
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void Wait(const sigset_t& signals, Server& server) {
    bool stopped = false;
    int signal = 0;
    while (::sigwait(&signals, &signal) == 0 && !leaving_) {
      if (signal == SIGUSR1 || (stopped && signal == SIGHUP)) continue;
      if (stopped) ::_exit(signal == SIGINT ? kExitInterrupted : kExitTerminated);
      stopped = true;
      // A shell sends SIGHUP when its terminal closes, and the kernel another one when it has gone:
      // until the program's very end none of them may cut the orderly stop short.
      ::signal(SIGHUP, SIG_IGN);
      PrintError("Stopping.\n");
      server.Stop();
    }
  }

  std::atomic<bool> leaving_{false};
  std::thread waiter_;  // last: it uses the rest
};

int Serve(const Context& context, const ServeFlags& flags) {
  LoadedModel loaded;
  try {
    loaded = OpenModel(context, flags.model);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    throw Error(error.code(), "the server has no model to serve: " + error.message(), error.hint());
  }
  ::signal(SIGPIPE, SIG_IGN);
  const SignalBlock block;
  ChatService chat(std::move(loaded), ToEngineOptions(flags.model));
  ServerOptions options = flags.server;
  if (options.api_key.empty()) options.api_key = context.api_key;
  Server server(chat, options);
  const SignalWatch watch(block, server);
  PrintLine("Fathom listens on " + server.url() + " (" + chat.model().name + ", " +
            std::string(chat.engine().kernels().name) + " kernels, " +
            std::to_string(chat.engine().threads()) + " threads, context " +
            std::to_string(chat.engine().context_length()) + " tokens). Ctrl-C stops it.");
  server.Run();
  return kExitOk;
}

}  // namespace

void AddServe(Command app, Context& context) {
  const auto flags = std::make_shared<ServeFlags>();
  Command command = app.AddCommand("serve", "Serve the web page and the OpenAI-style API");
  AddModelFlags(command, flags->model);
  command.Add("--host", flags->server.host, "Address to listen on; other than loopback needs a key")
      .Type("ADDRESS")
      .ShowDefault();
  command.Add("--port", flags->server.port, "Port to listen on; 0: any free one")
      .Type("N")
      .Between(0, 65535)
      .ShowDefault();
  command
      .Add("--api-key", flags->server.api_key,
           "Key that clients must send; better given as FATHOM_API_KEY, which no process "
           "list shows")
      .Type("KEY");
  command
      .Add("--allow-host", flags->server.allowed_hosts,
           "Further host name that clients may use; may be given several times")
      .Type("NAME")
      .OneEach();
  command.Footer(
      "Examples:\n"
      "  fathom serve\n"
      "  fathom serve my-model.gguf --port 9000\n"
      "  FATHOM_API_KEY=secret fathom serve --host 0.0.0.0 --allow-host my-machine.local");
  command.OnChosen(
      [&context, flags] { context.run = [&context, flags] { return Serve(context, *flags); }; });
}

}  // namespace fathom::cli
