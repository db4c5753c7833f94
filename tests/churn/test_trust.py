from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import pytest

from churn import java, trust


@pytest.mark.spark
def test_java_reads_every_authority_of_the_system(tmp_path: Path) -> None:
    options = trust.java_options(tmp_path / "authorities.jks")
    certificates = ssl.create_default_context().get_ca_certs(binary_form=True)
    assert certificates, "this system names no certificate authority: the test cannot tell anything"
    source = tmp_path / "Count.java"
    source.write_text(
        "class Count { public static void main(String[] a) throws Exception {"
        ' var factory = javax.net.ssl.TrustManagerFactory.getInstance("PKIX"); factory.init((java.security.KeyStore) null);'
        " var all = ((javax.net.ssl.X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers();"
        " System.out.println(all.length); } }"
    )
    home = java.java_home(java.cache_dir())
    done = subprocess.run([home / "bin" / "java", *options, source], capture_output=True, text=True, check=False)
    if "jdk.compiler" in done.stderr:
        pytest.skip("a Java without a compiler")
    assert int(done.stdout) == len(set(certificates)), done.stderr


def test_a_store_without_authorities_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    assert trust.java_options(tmp_path / "authorities.jks") == []
    assert not (tmp_path / "authorities.jks").exists()
