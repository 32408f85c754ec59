/*
 * A UE that takes pushes by PUT, on libcoap, which puts blocks together by itself:
 * `libcoap-ue HOST PORT IDENTITY NAF MOST COUNT`, its key in hex on stdin, takes messages of at most MOST octets.
 * Says of each push "octets checksum", and ends after COUNT of them with 0.
 */
#include <coap3/coap.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int left;

/* FNV-1a, 32 bits. */
static uint32_t checksum(const uint8_t *octets, size_t length)
{
    uint32_t sum = 0x811c9dc5;
    for (size_t i = 0; i < length; i++) sum = (sum ^ octets[i]) * 0x01000193;
    return sum;
}

static void on_put(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                   const coap_string_t *query, coap_pdu_t *answer)
{
    (void)resource, (void)session, (void)query;
    size_t length = 0, offset = 0, total = 0;
    const uint8_t *octets = NULL;
    coap_get_data_large(request, &length, &octets, &offset, &total);
    printf("%zu %08x\n", length, checksum(octets, length));
    fflush(stdout);
    left--;
    coap_pdu_set_code(answer, COAP_RESPONSE_CODE_CREATED);
}

static coap_response_t on_answer(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *answer, const coap_mid_t mid)
{
    (void)session, (void)sent, (void)mid;
    fprintf(stderr, "registered: %d\n", coap_pdu_get_code(answer));
    return COAP_RESPONSE_OK;
}

static int on_event(coap_session_t *session, coap_event_t event)
{
    (void)session;
    if (event == COAP_EVENT_DTLS_ERROR || event == COAP_EVENT_SESSION_FAILED || event == COAP_EVENT_TCP_CLOSED) {
        fprintf(stderr, "lost: %#x\n", event);
        exit(4);
    }
    return 0;
}

int main(int argc, char **argv)
{
    char hex[129];
    uint8_t key[64];
    size_t octets = 0;
    if (argc != 7 || fgets(hex, sizeof hex, stdin) == NULL) return 2;
    for (unsigned octet; octets < sizeof key && sscanf(hex + 2 * octets, "%2x", &octet) == 1; octets++) key[octets] = octet;
    left = atoi(argv[6]);

    coap_startup();
    coap_context_t *context = coap_new_context(NULL);
    coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
    coap_context_set_csm_max_message_size(context, atoi(argv[5]));
    coap_register_response_handler(context, on_answer);
    coap_register_event_handler(context, on_event);
    coap_add_resource(context, coap_resource_unknown_init(on_put));

    coap_address_t naf;
    coap_address_init(&naf);
    naf.size = sizeof naf.addr.sin;
    naf.addr.sin.sin_family = AF_INET;
    naf.addr.sin.sin_port = htons(atoi(argv[2]));
    inet_pton(AF_INET, argv[1], &naf.addr.sin.sin_addr);
    coap_dtls_cpsk_t psk = { .version = COAP_DTLS_CPSK_SETUP_VERSION, .client_sni = argv[4] };
    psk.psk_info.identity = (coap_bin_const_t){ strlen(argv[3]), (const uint8_t *)argv[3] };
    psk.psk_info.key = (coap_bin_const_t){ octets, key };
    coap_session_t *session = coap_new_client_session_psk2(context, NULL, &naf, COAP_PROTO_TLS, &psk);
    if (session == NULL) return 3;

    coap_pdu_t *registration = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, session);
    uint8_t token[] = { 1 };
    coap_add_token(registration, sizeof token, token);
    coap_add_option(registration, COAP_OPTION_URI_PATH, 5, (const uint8_t *)".push");
    coap_add_option(registration, COAP_OPTION_URI_QUERY, 8, (const uint8_t *)"mode=put");
    coap_send(session, registration);

    /* The answer to the last push goes out in a turn of its own. */
    for (int turns = 0; left > 0 || turns++ < 3;) if (coap_io_process(context, 100) < 0) return 5;
    return 0;
}
