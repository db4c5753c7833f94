from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from churn import java, trust

COUNT = """class Count {
    public static void main(String[] arguments) throws Exception {
        var factory = javax.net.ssl.TrustManagerFactory.getInstance("PKIX");
        factory.init((java.security.KeyStore) null);
        var trusted = (javax.net.ssl.X509TrustManager) factory.getTrustManagers()[0];
        System.out.println(trusted.getAcceptedIssuers().length);
    }
}
"""


@pytest.mark.spark
def test_java_reads_every_authority_of_the_system(tmp_path: Path) -> None:
    authorities = trust.system_authorities()
    assert authorities, "this system names no certificate authority: the test cannot tell anything"
    store, source = tmp_path / "authorities.jks", tmp_path / "Count.java"
    store.write_bytes(trust.java_key_store(authorities))
    source.write_text(COUNT)
    program = java.java_home(java.cache_dir()) / "bin" / "java"
    options = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]
    done = subprocess.run([program, *options, source], capture_output=True, text=True, check=False)
    if "jdk.compiler" not in done.stderr:  # the wheel's Java cannot compile the question
        assert int(done.stdout) == len(set(authorities)), done.stderr


def test_a_system_without_authorities_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert trust.system_authorities() == []
