"""Finding photos by name or id."""

from __future__ import annotations

import pytest

from services.errors import PhotoRejected
from services.ingest.photos.names import PhotoNames, is_guess, safe_parts


def test_rejects_a_bare_name_that_occurs_in_several_folders():
    names = PhotoNames(["x/a.jpg", "y/a.png", "x/b.jpg"])
    with pytest.raises(PhotoRejected) as caught:
        names.find("a")
    assert caught.value.reason == "ambiguous_name"
    assert (names.find("x/a"), names.find("b")) == ("x/a.jpg", "x/b.jpg")


def test_prefers_a_photo_at_the_top_to_one_in_a_folder():
    assert PhotoNames(["x/a.jpg", "a.png"]).find("a") == "a.png"


def test_prefers_the_first_extension_among_several_formats():
    assert PhotoNames(["a.bmp", "a.png", "a.jpeg"]).find("a") == "a.jpeg"


def test_chooses_the_same_name_whatever_the_order_of_extension_cases():
    assert PhotoNames(["a.jpg", "a.JPG"]).find("a") == PhotoNames(["a.JPG", "a.jpg"]).find("a") == "a.JPG"


def test_accepts_an_id_with_a_dot():
    assert PhotoNames(["photo.1.jpg", "photo.jpg"]).find("photo.1") == "photo.1.jpg"


def test_matches_accents_composed_in_different_ways():
    assert PhotoNames(["cafe\u0301.jpg"]).find("caf\u00e9") == "cafe\u0301.jpg"


FILES = ("IMG_1.JPG", "sub/my photo.jpg", "sub/Caf\u00e9.png", "sub/deep/d.jpg", "100%20.jpg")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("img_1.jpg", "IMG_1.JPG"),
        ("img_1", "IMG_1.JPG"),
        ("IMG_1.jpg ", "IMG_1.JPG"),
        ("IMG_1.jpg?v=123", "IMG_1.JPG"),
        ("my%20photo.jpg", "sub/my photo.jpg"),
        ("My  Photo.jpg", "sub/my photo.jpg"),
        ("CAFE\u0301", "sub/Caf\u00e9.png"),
        ("cafe.png", "sub/Caf\u00e9.png"),
        ("sub/my photo.jpeg", "sub/my photo.jpg"),
        ("C:\\Users\\me\\IMG_1.JPG", "IMG_1.JPG"),
        ("/media/catalog/sub/deep/d.jpg", "sub/deep/d.jpg"),
        ("\\\\server\\photos\\d.jpg", "sub/deep/d.jpg"),
        ("images\\IMG_1.JPG", "IMG_1.JPG"),
        ("export/sub/my photo.jpg", "sub/my photo.jpg"),
    ],
)
def test_finds_a_photo_under_a_name_that_differs_and_calls_it_a_guess(asked, found):
    assert PhotoNames(FILES).find(asked) == found
    assert is_guess(asked, found)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("IMG_1.jpg", "IMG_1.JPG"), ("IMG_1", "IMG_1.JPG"), ("./IMG_1.JPG", "IMG_1.JPG"), ("100%20.jpg", "100%20.jpg"),
     ("sub\\deep\\d", "sub/deep/d.jpg"), ("deep/d.jpg", "sub/deep/d.jpg"), ("Cafe\u0301.png", "sub/Caf\u00e9.png")],
)  # fmt: skip
def test_the_usual_differences_are_no_guess(asked, found):
    assert PhotoNames(FILES).find(asked) == found
    assert not is_guess(asked, found)


@pytest.mark.parametrize("asked", ["other/d.jpg", "IMG_1.png", "100 .jpg.jpg", "https://x.example/d.jpg", "%2e%2e/d"])
def test_does_not_guess_across_folders_and_formats(asked):
    assert PhotoNames(FILES).find(asked) is None


def test_prefers_the_exact_name_to_one_in_other_letter_case():
    names = PhotoNames(["IMG_1.jpg", "img_1.jpg"])
    assert (names.find("IMG_1.jpg"), names.find("img_1.jpg")) == ("IMG_1.jpg", "img_1.jpg")
    with pytest.raises(PhotoRejected, match="differs from several photos"):
        names.find("Img_1.jpg")


def test_takes_no_photo_for_two_whose_folders_are_missing():
    names = PhotoNames(["main.jpg"])
    assert names.find("C:\\1\\main.jpg") == names.find("C:\\1\\main.jpg") == "main.jpg"
    with pytest.raises(PhotoRejected, match="already taken") as caught:
        names.find("C:\\2\\main.jpg")
    assert caught.value.reason == "ambiguous_name"


def test_tells_photos_apart_by_the_folders_of_another_machine():
    names = PhotoNames(["export/1/main.jpg", "export/2/main.jpg"])
    assert names.find("C:\\photos\\2\\main.jpg") == "export/2/main.jpg"
    assert names.find("photos/1/main.jpg") == "export/1/main.jpg"
    with pytest.raises(PhotoRejected, match="several"):
        names.find("C:\\photos\\main.jpg")


def test_looks_below_the_one_folder_at_the_top():
    names = PhotoNames(["export/a.jpg", "export/b.jpg"])
    assert names.find("images/a.jpg") == "export/a.jpg"


def test_leaves_out_the_files_of_macos_and_windows():
    names = PhotoNames(["a.jpg", "._a.jpg", "__MACOSX/._a.jpg", "__MACOSX/b.jpg", ".DS_Store", "sub/Thumbs.db"])
    assert names.find("a") == "a.jpg"
    assert [names.find(name) for name in ("b", "._a.jpg", ".DS_Store", "Thumbs.db")] == [None] * 4


def test_finds_names_in_a_code_page_that_nobody_states():
    written = "st\u00fchle.jpg".encode("latin-1").decode("utf-8", "surrogateescape")
    assert PhotoNames([written]).find("st\u00fchle.jpg") == written
    assert is_guess("st\u00fchle.jpg", written)


@pytest.mark.parametrize(
    ("asked", "found"),
    [("t\u00fcr.jpg", "t#U00fcr.jpg"), ("\u6905\u5b50", "#U6905#U5b50.jpg"), ("\U0001f600.jpg", "#L01f600.jpg"),
     ("t\u00fcr.jpg", "tur.jpg"), ("#L99.jpg", "#l99.jpg")],
)  # fmt: skip
def test_finds_names_that_were_unpacked_where_only_plain_letters_exist(asked, found):
    assert PhotoNames([found, "other.jpg"]).find(asked) == found


def test_splits_a_safe_name_into_its_parts():
    assert safe_parts("./a//b\\c..jpg") == ("a", "b", "c..jpg")
