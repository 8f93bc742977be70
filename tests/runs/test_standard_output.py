from codelm.runs.standard_output import print_result, results_only


def test_only_results_reach_standard_output(capsys):
    with results_only():
        print("a bar")
        print_result("a figure\n")
    print_result("another\n")
    assert capsys.readouterr() == ("a figure\nanother\n", "a bar\n")
