/* Botan 2 as a peer. It only turns octets into records, so the socket is read and written here; it has IANA codes. */
#include <botan/auto_rng.h>
#include <botan/credentials_manager.h>
#include <botan/tls_client.h>
#include <botan/tls_policy.h>
#include <botan/tls_server.h>
#include <botan/tls_session_manager.h>
#include <botan/version.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <vector>
extern "C" {
#include "peer.h"
}

namespace {

using namespace Botan;
using std::string;
using std::vector;

const struct terms *agreed;
int socket_of_peer;
/* Never destroyed: it would outlive what it is made of. */
TLS::Channel *channel;
/* Decrypted, and not read yet. */
string arrived;

/* The one suite and group of the terms; what its defaults refuse or add is said here, not left to them. */
class Policy final : public TLS::Policy {
  public:
    vector<uint16_t> ciphersuite_list(TLS::Protocol_Version, bool) const override
    {
        return { uint16_t(std::strtol(agreed->suite, nullptr, 16)) };
    }

    vector<TLS::Group_Params> key_exchange_groups() const override
    {
        const int group = std::atoi(agreed->group);
        if (group == 0) return {};
        return { TLS::Group_Params(group) };
    }

    TLS::Group_Params default_dh_group() const override { return TLS::Group_Params::FFDHE_2048; }
    size_t minimum_dh_group_size() const override { return 2048; }
    size_t minimum_ecdh_group_size() const override { return 255; }
    bool allow_tls10() const override { return false; }
    bool allow_tls11() const override { return false; }
    bool allow_tls12() const override { return true; }
    bool negotiate_encrypt_then_mac() const override { return true; }
    bool hide_unknown_users() const override { return true; }
    bool allow_client_initiated_renegotiation() const override { return false; }
    bool allow_server_initiated_renegotiation() const override { return false; }
};

class Keys final : public Credentials_Manager {
  public:
    string psk_identity_hint(const string &, const string &) override { return "3GPP-bootstrapping"; }
    string psk_identity(const string &, const string &, const string &) override { return agreed->identity; }

    /* It asks for a key of tickets too, by another name. */
    SymmetricKey psk(const string &, const string &, const string &identity) override
    {
        if (identity != agreed->identity) throw Invalid_Argument("no such identity");
        return SymmetricKey(agreed->key, agreed->key_octets);
    }
};

class Callbacks final : public TLS::Callbacks {
  public:
    /* Waits for a socket that does not block; one that is gone is found when it is read. */
    void tls_emit_data(const uint8_t octets[], size_t length) override
    {
        while (length > 0) {
            const ssize_t done = send(socket_of_peer, octets, length, MSG_NOSIGNAL);
            if (done < 0) {
                struct pollfd end = { socket_of_peer, POLLOUT, 0 };
                if (errno != EAGAIN) return;
                poll(&end, 1, -1);
                continue;
            }
            octets += done;
            length -= done;
        }
    }

    void tls_record_received(uint64_t, const uint8_t octets[], size_t length) override
    {
        arrived.append(reinterpret_cast<const char *>(octets), length);
    }

    void tls_alert(TLS::Alert alert) override { tell("alert", alert.type_string().c_str()); }

    bool tls_session_established(const TLS::Session &session) override
    {
        char code[8];
        std::snprintf(code, sizeof code, "%04x", session.ciphersuite_code());
        tell("suite", code);
        return false;
    }

    string tls_server_choose_app_protocol(const vector<string> &offered) override
    {
        return std::count(offered.begin(), offered.end(), "coap") ? "coap" : "";
    }
};

/* Octets that came, 0 at the end, AGAIN; throws what is wrong with them. */
int receive()
{
    uint8_t octets[4096];
    const ssize_t got = recv(socket_of_peer, octets, sizeof octets, 0);
    if (got < 0) return errno == EAGAIN ? AGAIN : 0;
    channel->received_data(octets, got);
    return got;
}

void start(bool is_server)
{
    static AutoSeeded_RNG random;
    static TLS::Session_Manager_Noop no_sessions;
    static Keys keys;
    static const Policy policy;
    static Callbacks callbacks;
    if (is_server) {
        channel = new TLS::Server(callbacks, no_sessions, keys, policy, random);
        return;
    }
    const auto version = TLS::Protocol_Version::TLS_V12;
    channel = new TLS::Client(callbacks, no_sessions, keys, policy, random, {}, version, { "coap" });
}

}

const char *stack_version(void)
{
    static const string text = short_version_string();
    return text.c_str();
}

void stack_open(const struct terms *terms, int tcp)
{
    const TLS::Protocol_Version tls_13(3, 4);
    if (terms->is_13 && !tls_13.known_version()) refused("this library does not know TLS 1.3");
    agreed = terms;
    socket_of_peer = tcp;
    try {
        start(terms->is_server);
        while (!channel->is_active())
            if (receive() == 0 || channel->is_closed()) refused("the peer ended it");
    } catch (const std::exception &error) {
        refused(error.what());
    }
}

int stack_read(void *octets, int most)
{
    try {
        while (arrived.empty() && !channel->is_closed()) {
            const int got = receive();
            if (got <= 0) return got;
        }
    } catch (const std::exception &error) {
        tell("over", error.what());
        return 0;
    }
    const size_t length = std::min(arrived.size(), size_t(most));
    std::memcpy(octets, arrived.data(), length);
    arrived.erase(0, length);
    return length;
}

int stack_write(const void *octets, int length)
{
    if (channel->is_closed()) return 0;
    channel->send(static_cast<const uint8_t *>(octets), length);
    return length;
}
