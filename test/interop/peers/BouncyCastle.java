/*
 * Bouncy Castle as a peer, its low-level API: a pipe through TLS-PSK with the arguments, the input and the words of
 * peer.c. Suite and group are IANA codes, the suite in hex.
 */
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Hashtable;
import java.util.Vector;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.tls.*;
import org.bouncycastle.tls.crypto.TlsCrypto;
import org.bouncycastle.tls.crypto.TlsDHConfig;
import org.bouncycastle.tls.crypto.impl.bc.BcTlsCrypto;

public final class BouncyCastle {
    static final TlsCrypto CRYPTO = new BcTlsCrypto(new SecureRandom());
    static final byte[] HINT = octets("3GPP-bootstrapping");
    static ProtocolVersion[] versions;
    static int[] suites;
    /* What was asked for; 0 for none. */
    static int group;
    static byte[] identity;
    static byte[] key;

    public static void main(String[] args) throws IOException {
        if (args.length == 1) {
            System.out.println(new BouncyCastleProvider().getVersionStr());
            return;
        }
        versions = (args[1].equals("13") ? ProtocolVersion.TLSv13 : ProtocolVersion.TLSv12).only();
        suites = new int[] {Integer.parseInt(args[2], 16)};
        group = args[3].equals("none") ? 0 : Integer.parseInt(args[3]);
        if (group != 0 && !CRYPTO.hasNamedGroup(group)) refused("it has no such group");
        identity = octets(readLine());
        key = HexFormat.of().parseHex(readLine());
        boolean isServer = args[0].equals("server");
        Socket tcp = isServer ? accept(Integer.parseInt(args[4])) : new Socket(loopback(), Integer.parseInt(args[4]));
        tcp.setTcpNoDelay(true);
        TlsProtocol tls = open(isServer, tcp);
        tell("secured", args[1]);
        OutputStream toPeer = tls.getOutputStream();
        Thread writer = new Thread(() -> carry(System.in, toPeer));
        writer.setDaemon(true);
        writer.start();
        carry(tls.getInputStream(), System.out);
        System.exit(0);
    }

    static TlsProtocol open(boolean isServer, Socket tcp) {
        try {
            if (isServer) {
                TlsServerProtocol tls = new TlsServerProtocol(tcp.getInputStream(), tcp.getOutputStream());
                tls.accept(new Server());
                return tls;
            }
            TlsClientProtocol tls = new TlsClientProtocol(tcp.getInputStream(), tcp.getOutputStream());
            tls.connect(new Client());
            return tls;
        } catch (IOException error) {
            if (error.getCause() != null) tell("cause", error.getCause().toString());
            throw refused(error.toString());
        }
    }

    static final class Client extends PSKTlsClient {
        Client() {
            super(CRYPTO, new BasicTlsPSKIdentity(identity, key));
        }

        @Override
        public ProtocolVersion[] getProtocolVersions() {
            return versions;
        }

        @Override
        public int[] getCipherSuites() {
            return suites;
        }

        @Override
        public Vector getExternalPSKs() {
            return TlsUtils.vectorOfOne(externalKey());
        }

        @Override
        protected Vector getSupportedGroups(Vector roles) {
            return group == 0 ? super.getSupportedGroups(roles) : TlsUtils.vectorOfOne(group);
        }

        @Override
        public Vector getEarlyKeyShareGroups() {
            return TlsUtils.vectorOfOne(group);
        }

        @Override
        protected Vector getProtocolNames() {
            return TlsUtils.vectorOfOne(COAP);
        }

        @Override
        public void notifySelectedCipherSuite(int suite) {
            super.notifySelectedCipherSuite(suite);
            tellSuite(suite);
        }

        @Override
        public TlsAuthentication getAuthentication() throws IOException {
            throw new TlsFatalAlert(AlertDescription.unexpected_message);
        }
    }

    static final class Server extends PSKTlsServer {
        Server() {
            super(CRYPTO, new Keys());
        }

        @Override
        public ProtocolVersion[] getProtocolVersions() {
            return versions;
        }

        @Override
        public int[] getCipherSuites() {
            return suites;
        }

        @Override
        public int[] getSupportedGroups() throws IOException {
            return group == 0 ? super.getSupportedGroups() : new int[] {group};
        }

        @Override
        protected int selectECDH(int leastBits) {
            return group == 0 ? super.selectECDH(leastBits) : group;
        }

        @Override
        public TlsDHConfig getDHConfig() {
            return TlsDHUtils.createNamedDHConfig(context, NamedGroup.ffdhe2048);
        }

        @Override
        public TlsPSKExternal getExternalPSK(Vector offered) {
            for (Object one : offered)
                if (Arrays.equals(((PskIdentity) one).getIdentity(), identity)) return externalKey();
            return null;
        }

        @Override
        protected Vector getProtocolNames() {
            return TlsUtils.vectorOfOne(COAP);
        }

        @Override
        public int getSelectedCipherSuite() throws IOException {
            int suite = super.getSelectedCipherSuite();
            tellSuite(suite);
            return suite;
        }
    }

    static final class Keys implements TlsPSKIdentityManager {
        @Override
        public byte[] getHint() {
            return HINT;
        }

        @Override
        public byte[] getPSK(byte[] wanted) {
            return Arrays.equals(wanted, identity) ? key.clone() : null;
        }
    }

    static final ProtocolName COAP = ProtocolName.asUtf8Encoding("coap");

    static TlsPSKExternal externalKey() {
        return new BasicTlsPSKExternal(identity, CRYPTO.createSecret(key.clone()), PRFAlgorithm.tls13_hkdf_sha256);
    }

    static Socket accept(int port) throws IOException {
        ServerSocket server = new ServerSocket(port, 1, loopback());
        tell("listening", String.valueOf(server.getLocalPort()));
        return server.accept();
    }

    static InetAddress loopback() throws IOException {
        return InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    }

    /* Until either end is over. */
    static void carry(InputStream from, OutputStream to) {
        byte[] octets = new byte[4096];
        try {
            for (int got; (got = from.read(octets)) >= 0; to.flush()) to.write(octets, 0, got);
        } catch (IOException over) {
            tell("over", over.toString());
        }
    }

    /* One octet at a time: what follows is the peer's. */
    static String readLine() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int octet; (octet = System.in.read()) >= 0 && octet != '\n'; ) line.append((char) octet);
        return line.toString();
    }

    static byte[] octets(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    static void tellSuite(int suite) {
        tell("suite", String.format("%04x", suite));
    }

    static IllegalStateException refused(String why) {
        tell("refused", why);
        System.exit(4);
        return new IllegalStateException(why);
    }

    static void tell(String what, String value) {
        System.err.println(what + ": " + value);
    }
}
