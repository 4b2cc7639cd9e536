"""Compiled programs kept on disk."""

import os
import pathlib

import jax
import jax.numpy as jnp
import pytest
from jax.experimental.compilation_cache import compilation_cache

from minimax_eqx._xla._cache import keep_compiled_programs

SETTINGS = (
    "jax_compilation_cache_dir",
    "jax_enable_compilation_cache",
    "jax_persistent_cache_min_compile_time_secs",
    "jax_persistent_cache_min_entry_size_bytes",
)


@pytest.fixture(autouse=True)
def _as_if_nothing_were_set(monkeypatch, tmp_path):
    before = {name: getattr(jax.config, name) for name in SETTINGS}
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def compiled_anew():
    jax.clear_caches()
    return jax.jit(lambda x: jnp.sort(x) + 1)(jnp.arange(5)).tolist()


def entries(folder):
    return [path for path in pathlib.Path(folder).iterdir() if path.name.endswith("-cache")]


def test_programs_go_to_a_folder_of_this_machine_among_the_users_caches(tmp_path):
    folder = keep_compiled_programs()
    assert folder is not None
    assert folder.parent == tmp_path / "cache" / "minimax_eqx"
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    compiled_anew()
    assert entries(folder)


def test_without_a_home_nothing_is_kept_and_no_folder_is_called_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", os.fspath)
    with pytest.warns(UserWarning, match="Compiled programs are not kept"):
        assert keep_compiled_programs() is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_entry_is_compiled_again(tmp_path):
    folder = keep_compiled_programs(tmp_path / "chosen")
    assert folder == tmp_path / "chosen"
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    expected = compiled_anew()
    for path in entries(folder):
        path.write_bytes(path.read_bytes()[:20])
    with pytest.warns(UserWarning, match="cache"):
        assert compiled_anew() == expected


def test_a_folder_named_by_jaxs_own_setting_is_used(tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    assert keep_compiled_programs() == tmp_path


def test_nothing_is_kept_where_jaxs_cache_is_switched_off():
    jax.config.update("jax_enable_compilation_cache", False)
    assert keep_compiled_programs() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_a_folder_that_cannot_be_written_is_warned_of(tmp_path):
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.warns(UserWarning, match="JAX_COMPILATION_CACHE_DIR"):
        assert keep_compiled_programs() is None
    assert jax.config.jax_compilation_cache_dir is None


def test_the_folder_is_the_same_wherever_the_process_is_later(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert keep_compiled_programs(pathlib.Path("kept")) == tmp_path / "kept"
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "kept")


def test_a_system_that_does_not_describe_its_processor_has_a_folder_too(monkeypatch, tmp_path):
    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(pathlib.Path, "read_text", refuse)
    folder = keep_compiled_programs()
    assert folder is not None
    assert folder.parent == tmp_path / "cache" / "minimax_eqx"
